import { ERROR_CODES, type ErrorCode } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { isRetryable } from '../src/stream-end.ts'

describe('the codes that may be tried again', () => {
  it('are those of the table that a stream can carry', () => {
    const codes = Object.keys(ERROR_CODES) as ErrorCode[]
    expect(codes.filter(isRetryable).sort()).toEqual(codes.filter((code) => ERROR_CODES[code].isRetryable).sort())
  })
})
