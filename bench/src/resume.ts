import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { median } from './quantile.ts'
import { comeBack, openAll, type Place } from './whole-way/resuming-clients.ts'
import { startWay, type Client, type WholeWay } from './whole-way/start-way.ts'

/*
 * 2000 people lose their connections at the same moment, as when an edge restarts or a network breaks, and all come back at once with
 * their positions, while what some of them look at has changed. Each is another person, so nothing is shared.
 */

const PEOPLE = 2_000
const DEFAULT_ROUNDS = 3

/** What memory decides; what is asked of the database, and was not touched; what is asked of it, and was. */
const INCREMENTAL = { path: 'note/findMany', args: { where: { isPublic: true } } }
const UNTOUCHED = { path: 'task/findMany', args: { include: { assignee: true } } }
const TOUCHED = { path: 'note/findMany', args: { where: { isPublic: true }, orderBy: { id: 'desc' }, take: 5 } }

/** `runs`: how often they all go away and come back; the median counts. */
export async function run({ runs = DEFAULT_ROUNDS }: CommandOptions): Promise<CommandResult> {
  const way = await startWay(fill)
  try {
    const half = PEOPLE / 2
    const cheap = [...peopleWith(INCREMENTAL, 0, half), ...peopleWith(UNTOUCHED, half, half)]
    const cheapRounds = await measure(way, cheap, runs, (place) => (place.path === INCREMENTAL.path ? 'change' : 'id'))
    const dear = peopleWith(TOUCHED, PEOPLE, PEOPLE)
    const dearRounds = await measure(way, dear, runs, () => 'change')
    return {
      name: 'resume',
      metrics: {
        allCaughtUpMs: median(cheapRounds.map(({ ms }) => ms)),
        databaseQueries: Math.max(...cheapRounds.map(({ queries }) => queries)),
        touchedCaughtUpMs: median(dearRounds.map(({ ms }) => ms)),
        touchedDatabaseQueries: Math.max(...dearRounds.map(({ queries }) => queries)),
      },
      notes: [
        `${half} people whose queries memory decides, and changed, and ${half} whose queries are asked of the database, and did not; then ${PEOPLE} whose windows changed.`,
        'From the first reconnect until the last had what it missed. Readers, edge, capture, Redis and Postgres share this machine.',
      ],
    }
  } finally {
    await way.stop()
  }
}

async function measure(
  way: WholeWay,
  people: readonly Place[],
  runs: number,
  waitsFor: (place: Place) => 'change' | 'id',
): Promise<{ ms: number; queries: number }[]> {
  const rounds: { ms: number; queries: number }[] = []
  let readers = await openAll(way.port, people)
  for (let round = 0; round < Math.max(1, runs); round++) {
    const places = readers.map((reader) => reader.leave())
    // Another one each time: rows that hold it already would not change.
    const text = `changed in round ${round} of ${people.length} from ${people[0]?.user}`
    await way.pool.query('UPDATE "Note" SET body = $1 WHERE id = 1', [text])
    await way.caughtUp()
    const before = await way.databaseQueries()
    const startedMs = performance.now()
    readers = await comeBack(way.port, places, (place) => (waitsFor(place) === 'change' ? text : undefined))
    rounds.push({ ms: performance.now() - startedMs, queries: (await way.databaseQueries()) - before })
    progress(`${people.length} came back in ${rounds.at(-1)?.ms.toFixed(0)} ms with ${rounds.at(-1)?.queries} questions to the database`)
  }
  for (const reader of readers) reader.leave()
  return rounds
}

function peopleWith({ path, args }: { path: string; args: unknown }, from: number, count: number): Place[] {
  return Array.from({ length: count }, (_, index) => ({ path, args, user: `person-${from + index}`, lastEventId: undefined }))
}

async function fill(db: Client): Promise<void> {
  await db.user.create({ data: { id: 'owner', name: 'Owner' } })
  await db.note.createMany({ data: Array.from({ length: 5 }, (_, index) => ({ id: index + 1, ownerId: 'owner', body: 'a note', isPublic: true })) })
  await db.space.create({ data: { id: 'space', name: 'Space' } })
  await db.task.create({ data: { id: 'task', spaceId: 'space', title: 'a task', ownerId: 'owner' } })
}
