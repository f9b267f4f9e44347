import { readFileSync } from 'node:fs'
import { LIMITS, type Limits } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

/** For each limit the test that goes up to it and beyond. A new limit without one does not compile. */
const TESTED_IN: Record<keyof Limits, string> = {
  maxQueryBytes: 'edge/test/parse-live-request.test.ts',
  maxArgsDepth: 'access/test/validate-args.test.ts',
  maxJsonDepth: 'edge/test/parse-live-request.test.ts',
  maxListItems: 'access/test/validate-args.test.ts',
  maxStringChars: 'access/test/validate-args.test.ts',
  maxQueriesPerConnection: 'edge/test/parse-live-request.test.ts',
  maxConnections: 'edge/test/socket.service.test.ts',
  maxWaitingQuestions: 'edge/test/socket.service.test.ts',
  maxConnectionsPerIdentity: 'edge/test/socket.service.test.ts',
  maxQueriesPerIdentity: 'edge/test/socket.service.test.ts',
  maxSnapshotRows: 'edge/test/refusals.service.test.ts',
  maxRelatedRows: 'edge/test/refusals.service.test.ts',
  maxHeldRows: 'edge/test/requery-query.test.ts',
  maxMemberships: 'edge/test/memberships.service.test.ts',
  snapshotRowsPerFrame: 'edge/test/snapshot-frames.test.ts',
  maxDatabaseConnections: 'edge/test/edge-database.service.test.ts',
  databaseTimeoutMs: 'edge/test/edge-database.service.test.ts',
  heartbeatIntervalMs: 'edge/test/connection-life.test.ts',
  maxStallMs: 'edge/test/connection-life.test.ts',
  maxConnectionAgeMs: 'edge/test/connection-life.test.ts',
  identityMaxAgeMs: 'edge/test/connection-life.test.ts',
  identityTimeoutMs: 'edge/test/identity.service.test.ts',
  maxConcurrentIdentityQuestions: 'edge/test/visitors.test.ts',
  accessTicketMaxAgeMs: 'edge/test/access-tickets.service.test.ts',
  maxAccessTicketBytes: 'edge/test/access-tickets.service.test.ts',
  lookBackMs: 'edge/test/snapshot-guards.service.test.ts',
  ringEntries: 'edge/test/history.test.ts',
  ringBytes: 'edge/test/history.test.ts',
  maxReplayEntries: 'edge/test/resume.service.test.ts',
  logReadCount: 'edge/test/resume.service.test.ts',
  requeryTrailingMs: 'edge/test/requery-query.test.ts',
  requeryNowMs: 'edge/test/answer-clock.test.ts',
  maxConcurrentRequeries: 'edge/test/asker.test.ts',
  lockTimeoutMs: 'edge/test/asker.service.test.ts',
  maxAsksPerQuestion: 'edge/test/asker.test.ts',
  maxStatementBytes: 'edge/test/statements.test.ts',
  maxPendingTransactions: 'edge/test/snapshot-guards.service.test.ts',
  drainDeadlineMs: 'edge/test/spread-over.test.ts',
  maxPositionBytes: 'edge/test/parse-live-request.test.ts',
}

describe('every limit', () => {
  it.each(Object.keys(LIMITS) as (keyof Limits)[])('%s is reached by a test', (name) => {
    const file = new URL(`../../${TESTED_IN[name]}`, import.meta.url)
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`\\b${name}\\b`))
  })

  it.each(Object.keys(LIMITS) as (keyof Limits)[])('%s says its unit, or counts what it names', (name) => {
    expect(LIMITS[name]).toBeGreaterThan(0)
    expect(name).toMatch(/^max[A-Z]|Ms$|Bytes$|Entries$|Count$|PerFrame$/)
  })
})
