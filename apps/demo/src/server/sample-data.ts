import type { Sku } from '../shop/cart.ts'

/** The studio that Tandem opens with. Times are minutes before the moment of seeding. */

export const PEOPLE = [
  { id: 'mara', name: 'Mara Lindqvist', title: 'Studio lead', hue: 24, role: 'MANAGER' },
  { id: 'jonas', name: 'Jonas Okafor', title: 'Designer', hue: 232, role: 'MEMBER' },
  { id: 'priya', name: 'Priya Raman', title: 'Engineer', hue: 150, role: 'MEMBER' },
  { id: 'tomas', name: 'Tomás Vidal', title: 'Producer', hue: 300, role: 'MANAGER' },
  { id: 'wen', name: 'Wen Zhao', title: 'Curator, guest', hue: 85, role: 'GUEST' },
] as const

export const SPACES = [
  { id: 'opening', name: 'Opening night', purpose: 'The exhibition opens on the 12th', members: ['mara', 'jonas', 'priya', 'wen'] },
  { id: 'website', name: 'Website', purpose: 'The museum’s new front door', members: ['mara', 'jonas', 'priya', 'tomas'] },
  { id: 'office', name: 'Back office', purpose: 'Hiring, rent and the coffee machine', members: ['mara', 'tomas'] },
] as const

interface SampleTask {
  id: string
  space: string
  title: string
  status: 'TODO' | 'DOING' | 'DONE'
  author: string
  assignee?: string
  budget?: number
  isPrivate?: boolean
  notes?: string
}

interface SampleComment {
  id: string
  task: string
  author: string
  body: string
  minutesAgo: number
}

export const TASKS: readonly SampleTask[] = [
  { id: 'poster', space: 'opening', title: 'Print the posters on recycled stock', status: 'TODO', author: 'mara', assignee: 'jonas', budget: 1800 },
  {
    id: 'neon',
    space: 'opening',
    title: 'Hang the neon sign before the floor is waxed',
    status: 'TODO',
    author: 'jonas',
    assignee: 'priya',
    budget: 4200,
  },
  { id: 'surprise', space: 'opening', title: 'Plan a surprise toast for Jonas', status: 'TODO', author: 'mara', isPrivate: true, budget: 250 },
  { id: 'guests', space: 'opening', title: 'Confirm the guest list with the lenders', status: 'TODO', author: 'mara', assignee: 'wen' },
  {
    id: 'projector',
    space: 'opening',
    title: 'Calibrate the projectors in room three',
    status: 'DOING',
    author: 'priya',
    assignee: 'priya',
    budget: 950,
    notes: 'The left one drifts by two pixels an hour. Warm it up for thirty minutes before the doors open.',
  },
  { id: 'labels', space: 'opening', title: 'Proofread the wall labels', status: 'DOING', author: 'jonas', assignee: 'wen', budget: 300 },
  { id: 'portfolio', space: 'opening', title: 'Ask Mara about a four-day week', status: 'DOING', author: 'jonas', isPrivate: true },
  { id: 'catering', space: 'opening', title: 'Taste the canapés', status: 'DONE', author: 'mara', assignee: 'mara', budget: 2600 },
  { id: 'crate', space: 'opening', title: 'Unpack the crates from Lisbon', status: 'DONE', author: 'priya', assignee: 'jonas', budget: 700 },
  {
    id: 'drift',
    space: 'opening',
    title: 'Watch the projectors drift overnight',
    status: 'DONE',
    author: 'priya',
    assignee: 'priya',
    notes: 'A reading every ten minutes, so that the lender believes us.',
  },
  { id: 'tickets', space: 'website', title: 'Sell tickets without a queue', status: 'TODO', author: 'priya', assignee: 'priya', budget: 9000 },
  { id: 'alt', space: 'website', title: 'Write image descriptions for the collection', status: 'TODO', author: 'jonas', assignee: 'tomas' },
  {
    id: 'type',
    space: 'website',
    title: 'Choose a typeface with Greek and Cyrillic',
    status: 'DOING',
    author: 'jonas',
    assignee: 'jonas',
    budget: 1200,
  },
  { id: 'map', space: 'website', title: 'Draw the floor map as one SVG', status: 'DONE', author: 'jonas', assignee: 'jonas', budget: 600 },
  { id: 'offer', space: 'office', title: 'Send the offer to the new engineer', status: 'TODO', author: 'mara', assignee: 'tomas', budget: 72000 },
  { id: 'rent', space: 'office', title: 'Renew the lease for the workshop', status: 'DOING', author: 'tomas', assignee: 'tomas', budget: 38000 },
  { id: 'coffee', space: 'office', title: 'Descale the coffee machine', status: 'DONE', author: 'mara', assignee: 'mara' },
]

const SAID: readonly SampleComment[] = [
  { id: 'c1', task: 'poster', author: 'jonas', body: 'The printer has the paper until Thursday.', minutesAgo: 190 },
  { id: 'c2', task: 'poster', author: 'mara', body: 'Then Thursday it is. A2, not A1.', minutesAgo: 160 },
  { id: 'c3', task: 'projector', author: 'priya', body: 'Two pixels an hour, measured overnight.', minutesAgo: 95 },
  { id: 'c4', task: 'projector', author: 'wen', body: 'The lender asks that the lamp stays below 40 %.', minutesAgo: 41 },
  { id: 'c5', task: 'labels', author: 'wen', body: 'Room two still says “circa”. We know the year.', minutesAgo: 12 },
  { id: 'c6', task: 'type', author: 'tomas', body: 'Whatever it is, please let it have a real italic.', minutesAgo: 320 },
]

const READINGS = 60

/** A night of measuring, long enough to scroll through. */
const NIGHT = Array.from({ length: READINGS }, (_, index): SampleComment => {
  const minutesAgo = 360 + (READINGS - index) * 10
  const [left, right] = [1.7 + Math.sin(index / 5) * 0.4, 0.2 + Math.cos(index / 9) * 0.15]
  return {
    id: `night-${index + 1}`,
    task: 'drift',
    author: index < 28 ? 'priya' : 'wen',
    body: `Reading ${index + 1}: left ${left.toFixed(1)} px an hour, right ${right.toFixed(1)} px, lamp at ${36 + (index % 4)} %.`,
    minutesAgo,
  }
})

export const COMMENTS: readonly SampleComment[] = [...SAID, ...NIGHT]

export const SAMPLE_CARTS: Readonly<Record<string, readonly { by: string; sku: Sku }[]>> = {
  opening: [
    { by: 'jonas', sku: 'tape' },
    { by: 'jonas', sku: 'tape' },
    { by: 'priya', sku: 'spot' },
    { by: 'mara', sku: 'gloves' },
  ],
  website: [],
  office: [{ by: 'tomas', sku: 'coffee' }],
}
