/** Who is asked: ZenStack's own hooks, ours of the same names, or descriptors. */
export type CallStyle = 'useClientQueries' | 'useLiveQueries' | 'useLiveQuery'

const IMPORTS: Readonly<Record<CallStyle, string>> = {
  useClientQueries: `import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { schema } from './schema'
const client = useClientQueries(schema)`,
  useLiveQueries: `import { useLiveQueries } from '@zenstack-live/react'
import { schema } from './schema'
const client = useLiveQueries(schema)`,
  useLiveQuery: `import { createLiveClient, useLiveQuery } from '@zenstack-live/react'
import { schema } from './schema'
const live = createLiveClient(schema)`,
}

/** The same reads of every model, whose answers are used as text, numbers and rows of rows. */
export function writeCalls(style: CallStyle, models: number): string {
  return [IMPORTS[style], ...Array.from({ length: models }, (_, index) => callsOf(style, index))].join('\n')
}

function callsOf(style: CallStyle, index: number): string {
  const call = (operation: string, args: string): string => {
    const hook = `use${operation.charAt(0).toUpperCase()}${operation.slice(1)}`
    return style === 'useLiveQuery' ? `useLiveQuery(live.model${index}.${operation}(${args}))` : `client.model${index}.${hook}(${args})`
  }
  return `
const list${index} = ${call('findMany', `{ where: { status: 'OPEN', next: { name: { contains: 'x' } } }, include: { next: { include: { previous: true } }, other: true }, orderBy: { rank: 'asc' }, take: 20 }`)}
export const names${index}: string[] | undefined = list${index}.data?.map((row) => row.name + row.next.previous.map((one) => one.slug).join())
const one${index} = ${call('findUnique', `{ where: { id: 'x' }, select: { id: true, price: true, opposites: { select: { name: true } } } }`)}
export const first${index}: string | undefined = one${index}.data?.opposites[0]?.name
const count${index} = ${call('count', `{ where: { OR: [{ rank: { gt: 3 } }, { tags: { has: 'a' } }] } }`)}
export const total${index}: number | undefined = count${index}.data
const groups${index} = ${call('groupBy', `{ by: ['status'], _count: true, _max: { rank: true } }`)}
export const statuses${index}: string[] | undefined = groups${index}.data?.map((group) => group.status)
`
}
