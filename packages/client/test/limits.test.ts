import { readFileSync } from 'node:fs'
import { CLIENT_LIMITS } from '@zenstack-live/client'
import { describe, expect, it } from 'vitest'
import type { ClientLimits } from '../src/limits.ts'

/** A file, and the test in it that goes up to the limit and beyond; where these are two, the one that stays within it and the one that does not. */
type BothSides = readonly [file: string, within: string, beyond?: string]

const IN_TIME = 'limits-in-time.test.ts'
const ATTEMPTS = 'connection-attempts.test.ts'
const LIFE = 'connection-life.test.ts'
const CLIENT = 'live-client.test.ts'
const LISTENS_AGAIN = 'from the first byte on, twice, makes the client ask instead, and later try to listen again'

/** A new limit without a test on both of its sides does not compile. */
const TESTED: Record<keyof ClientLimits, BothSides> = {
  gatherMs: [IN_TIME, 'share one opening with those that begin within gatherMs, %s'],
  changeDelayMs: [IN_TIME, 'that come to a running stream are asked for when none has come for changeDelayMs'],
  lingerMs: [IN_TIME, 'that nobody watches stay open for lingerMs'],
  openTimeoutMs: [IN_TIME, 'that brings nothing is given up after openTimeoutMs'],
  silenceMs: [IN_TIME, 'that is caught up is given up when it was silent for silenceMs, and another one opened'],
  minBackoffMs: [IN_TIME, 'that could not be had is asked for again after up to minBackoffMs'],
  maxBackoffMs: [ATTEMPTS, 'is anywhere between nothing and a step that doubles up to its limit'],
  catchUpMs: [CLIENT, 'gives a successor up that stays behind, and %s, for catchUpMs, and not before'],
  silencesBeforePolling: [ATTEMPTS, 'when two openings in a row brought no byte, and comes back after some rounds'],
  pollIntervalMs: [IN_TIME, 'that does not come through gives way to asking every pollIntervalMs'],
  pollsBeforeStreaming: ['silence.test.ts', LISTENS_AGAIN],
  codeTries: [IN_TIME, 'the later code fails to load codeTries times before a query says so'],
  queryRetryMs: [IN_TIME, 'that are refused for now are asked for again after queryRetryMs'],
  ownWriteMs: [IN_TIME, 'a write waits for the stream to pass its commit, and for ownWriteMs at the most'],
  maxQueries: ['live-store.test.ts', 'are let in as others go, each time as many as there is room for'],
  maxBufferedFrames: [LIFE, 'that floods with changes of one of its queries is given up, too'],
}

describe('every limit', () => {
  it.each(Object.keys(CLIENT_LIMITS) as (keyof ClientLimits)[])('%s has a test on both sides', (name) => {
    const [file, ...titles] = TESTED[name]
    const tests = readFileSync(new URL(file, import.meta.url), 'utf8')
    expect(titles.filter((title) => !tests.includes(`'${title}',`))).toEqual([])
  })
})
