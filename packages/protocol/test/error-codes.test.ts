import { readFileSync } from 'node:fs'
import { ERROR_CODES, errorCodeOf, LiveError, parseEntryId, parseLsn, type ErrorCode } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

/**
 * For each code a test that provokes it, and the text by which it is found there: the code itself, or the form it takes.
 * A new code without a test does not compile.
 */
const PROVOKED_IN: Record<ErrorCode, [file: string, text?: string]> = {
  bad_request: ['edge/test/refusals.service.test.ts'],
  bad_json: ['edge/test/refusals.service.test.ts'],
  bad_position: ['protocol/test/error-codes.test.ts'],
  unknown_model: ['edge/test/refusals.service.test.ts'],
  unknown_operation: ['edge/test/refusals.service.test.ts'],
  bad_arguments: ['edge/test/refusals.service.test.ts'],
  too_large: ['edge/test/refusals.service.test.ts'],
  too_many_queries: ['edge/test/refusals.service.test.ts'],
  not_live: ['edge/test/changes.service.test.ts'],
  table_refused: ['edge/test/refusals.service.test.ts'],
  unprotected_client: ['edge/test/refusals.service.test.ts'],
  foreign_database: ['edge/test/refusals.service.test.ts'],
  unauthenticated: ['edge/test/refusals.service.test.ts'],
  forbidden: ['client/test/live-projection.service.test.ts'],
  row_limit: ['edge/test/refusals.service.test.ts'],
  overloaded: ['edge/test/socket.service.test.ts', '"reason":"overloaded"'],
  database_unavailable: ['zenstack-live/test/unavailable.service.test.ts'],
  log_unavailable: ['change-log/test/redis-failures.service.test.ts'],
  capture_unavailable: ['cdc/test/capture-error.service.test.ts'],
  log_gap: ['change-log/test/contract.ts'],
  log_recreated: ['change-log/test/redis-failures.service.test.ts'],
  log_lost_tail: ['change-log/test/redis-failures.service.test.ts'],
  log_conflict: ['change-log/test/contract.ts'],
  log_in_use: ['change-log/test/embedded-log.test.ts'],
  log_unsupported: ['change-log/test/redis-failures.service.test.ts'],
  reader_fenced: ['change-log/test/reader-contract.ts'],
  stream_gap: ['streams/test/live-stream.service.test.ts'],
  auth_expired: ['edge/test/identity.service.test.ts', "event: 'auth-expired'"],
  client_incomplete: ['client/test/missing-code.test.ts'],
  internal: ['edge/test/refusals.service.test.ts'],
}

const CODES = Object.keys(ERROR_CODES) as ErrorCode[]

describe('every error code', () => {
  it.each(CODES)('%s is provoked by a test', (code) => {
    const [file, text = `'${code}'`] = PROVOKED_IN[code]
    expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')).toContain(text)
  })

  it.each(CODES)('%s says what happened in one sentence, and what to do in another', (code) => {
    const { status, sentence, cure } = ERROR_CODES[code]
    expect(sentence).toMatch(/^[A-Z].*\.$/)
    expect(cure).toMatch(/^[A-Z].*\.$/)
    expect(status === 200 || (status >= 400 && status < 600)).toBe(true)
  })

  it('is known by its name, whichever copy of the package made the error', () => {
    for (const code of CODES) expect(errorCodeOf({ code })).toBe(code)
    for (const other of [{ code: 'toString' }, { code: 7 }, new Error('x'), null, 'too_large']) expect(errorCodeOf(other)).toBe('internal')
  })

  it('bad_position is what a position is that cannot be read', () => {
    for (const parse of [() => parseEntryId('1-'), () => parseLsn('x/y')]) {
      let code: string | undefined
      try {
        parse()
      } catch (error) {
        code = error instanceof LiveError ? error.code : undefined
      }
      expect(code).toBe('bad_position')
    }
  })
})
