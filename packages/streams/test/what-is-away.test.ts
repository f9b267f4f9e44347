import { describe, expect, it } from 'vitest'
import { whatIsAway } from '../src/index.ts'

describe('what is away', () => {
  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
    '08006',
    '57P01',
    '57P03',
    '53300',
    '57014',
    '40001',
    '40P01',
    'database_unavailable',
  ])('is the database behind an error with the code %s', (code) => {
    const error = Object.assign(new Error('x'), { code })
    expect(whatIsAway(error)).toBe('database')
    expect(whatIsAway(new Error('The query failed.', { cause: error }))).toBe('database')
    expect(whatIsAway(new AggregateError([error]))).toBe('database')
  })

  it.each([
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Client has encountered a connection error and is not queryable',
    'timeout exceeded when trying to connect',
    'timeout expired',
    'Query read timeout',
  ])('is the database behind "%s", which has no code', (message) => {
    expect(whatIsAway(new Error(message))).toBe('database')
    expect(whatIsAway(new Error('The query failed.', { cause: new Error(message) }))).toBe('database')
  })

  it('is the log where the log says so', () => {
    expect(whatIsAway(Object.assign(new Error('x'), { code: 'log_unavailable' }))).toBe('log')
  })

  it('is nothing behind what does not pass', () => {
    const told = new Error('The import failed: Connection terminated unexpectedly')
    for (const error of [Object.assign(new Error('x'), { code: '42P01' }), new TypeError('x'), told, 'ECONNRESET', undefined])
      expect(whatIsAway(error)).toBeUndefined()
  })
})
