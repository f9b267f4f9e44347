import { readFileSync } from 'node:fs'
import { LIMITS, type Limits } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

/** A file, and the test in it that goes up to the limit and beyond; where these are two, the one that stays within it and the one that does not. */
type BothSides = readonly [file: string, within: string, beyond?: string]

const REQUEST = 'edge/test/parse-live-request.test.ts'
const ARGS: BothSides = ['access/test/validate-args.test.ts', 'are as large as each limit allows, and no larger']
const SOCKET = 'edge/test/socket.service.test.ts'
const OF_ONE_PERSON: BothSides = [SOCKET, 'sends one person away who has as many streams or queries as one may, and nobody else']
const ANSWER = 'edge/test/answer-rows.test.ts'
const DATABASE = 'edge/test/edge-database.service.test.ts'
const LIFE = 'edge/test/connection-life.test.ts'
const VISITORS = 'edge/test/visitors.test.ts'
const HUB = 'edge/test/hub.test.ts'
const HISTORY = 'edge/test/history.test.ts'
const REQUERY = 'edge/test/requery-query.test.ts'
const ASKER = 'edge/test/asker.test.ts'

/** A new limit without a test on both of its sides does not compile. */
const TESTED: Record<keyof Limits, BothSides> = {
  maxQueryBytes: [REQUEST, 'is a query, and its notes, of maxQueryBytes each'],
  maxArgsDepth: ARGS,
  maxJsonDepth: [REQUEST, 'is JSON that nests no deeper than maxJsonDepth, whatever its texts hold'],
  maxListItems: ARGS,
  maxStringChars: ARGS,
  maxQueriesPerConnection: [REQUEST, 'is maxQueriesPerConnection queries'],
  maxConnections: [SOCKET, 'keeps a place in twenty for who goes on from a position'],
  maxWaitingQuestions: [SOCKET, 'lets in who goes on from a position while newcomers wait for the database, and no more of those'],
  maxConnectionsPerIdentity: OF_ONE_PERSON,
  maxQueriesPerIdentity: OF_ONE_PERSON,
  maxSnapshotRows: [ANSWER, 'has no more than maxSnapshotRows rows, and none of its lists has'],
  maxRelatedRows: [ANSWER, 'has no more than maxRelatedRows rows in all of its lists'],
  maxHeldRows: [REQUERY, 'has room for an answer while all together hold no more rows than maxHeldRows'],
  maxMemberships: ['edge/test/memberships.service.test.ts', 'is shown by the database what the others are shown by memory'],
  snapshotRowsPerFrame: [SOCKET, 'sends snapshots in frames of snapshotRowsPerFrame rows, however a query is kept live'],
  maxDatabaseConnections: [DATABASE, 'has maxDatabaseConnections, and uses all of them'],
  databaseTimeoutMs: [DATABASE, 'waits for an answer for databaseTimeoutMs, and no longer'],
  heartbeatIntervalMs: [LIFE, 'beats when it has been quiet'],
  maxStallMs: [LIFE, 'cuts a reader that takes nothing for maxStallMs, and none that takes something'],
  maxConnectionAgeMs: [LIFE, 'says when to come back and why it ends, at the end of its age'],
  identityMaxAgeMs: [LIFE, 'asks whose it is when that was asked identityMaxAgeMs ago, and not before'],
  identityTimeoutMs: [VISITORS, 'waits for an answer for identityTimeoutMs, and no longer'],
  maxConcurrentIdentityQuestions: [VISITORS, 'asks for maxConcurrentIdentityQuestions at a time, and for the next when one is answered, or fails'],
  accessTicketMaxAgeMs: [
    'edge/test/access-tickets.service.test.ts',
    'opens the stream for whoever asked for it, and again where it was',
    'ends with its time, for those who come and for those who are there',
  ],
  maxAccessTicketBytes: [VISITORS, 'is looked at where it has no more than maxAccessTicketBytes, and is none where it has more, though it is signed'],
  lookBackMs: [HUB, 'knows what was written in the last lookBackMs, and nothing older'],
  ringEntries: [HISTORY, 'holds ringEntries transactions, and says so of what is older'],
  ringBytes: [HISTORY, 'holds ringBytes of them'],
  maxReplayEntries: [HUB, 'is read up to maxReplayEntries entries, and not had where there is one more'],
  logReadCount: [HUB, 'takes logReadCount entries, here 3, and no more: when it begins, follows and reads back, $count come as $pages'],
  requeryTrailingMs: [REQUERY, 'waits for more causes for requeryTrailingMs after it was asked, and no longer'],
  requeryNowMs: ['edge/test/answer-clock.test.ts', 'rings every requeryNowMs where nobody knows the moments, and while the database does not say'],
  maxConcurrentRequeries: [ASKER, 'runs maxConcurrentRequeries transactions at once, and no more'],
  lockTimeoutMs: [
    'edge/test/asker.service.test.ts',
    'is asked $asked where a table is locked for longer than it takes to see that, and it waits $lockTimeoutMs ms',
  ],
  maxAsksPerQuestion: [ASKER, 'asks again while a table that a question reads is locked, maxAsksPerQuestion times and no oftener'],
  maxStatementBytes: [
    'edge/test/statements.test.ts',
    'is forgotten where all take more than maxStatementBytes, the one that was asked longest ago first',
  ],
  maxPendingTransactions: [
    REQUERY,
    'remembers maxPendingTransactions causes, here 3, and has to begin anew with $count where the log has let go of them: $told',
  ],
  drainDeadlineMs: [
    'edge/test/spread-over.test.ts',
    'streams are let go 20 ms apart, and many closer together, for all to have ended within drainDeadlineMs',
  ],
  maxPositionBytes: [REQUEST, 'is a position of maxPositionBytes: what is longer is kept just long enough to be worth nothing'],
}

describe('every limit', () => {
  it.each(Object.keys(LIMITS) as (keyof Limits)[])('%s has a test on both sides', (name) => {
    const [file, ...titles] = TESTED[name]
    const tests = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    expect(titles.filter((title) => !tests.includes(`'${title}',`))).toEqual([])
  })

  it.each(Object.keys(LIMITS) as (keyof Limits)[])('%s says its unit, or counts what it names', (name) => {
    expect(LIMITS[name]).toBeGreaterThan(0)
    expect(name).toMatch(/^max[A-Z]|Ms$|Bytes$|Entries$|Count$|PerFrame$/)
  })
})
