const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const dayAndTime = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

/** The time, and the day when it was not today. */
export function formatMoment(moment: Date): string {
  return (moment.toDateString() === new Date().toDateString() ? time : dayAndTime).format(moment)
}
