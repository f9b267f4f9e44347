/** The first events; the last of them stays to be asked for again. */
export async function take<Event>(stream: AsyncIterable<Event>, count: number): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of stream) if (events.push(event) === count) break
  return events
}

/** The first events, all of them acknowledged. */
export async function takeAndAcknowledge<Event>(stream: { close(): Promise<void> } & AsyncIterable<Event>, count: number): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of stream) {
    events.push(event)
    if (events.length === count) void Promise.resolve().then(() => stream.close())
  }
  return events
}
