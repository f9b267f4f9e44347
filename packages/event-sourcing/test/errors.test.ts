import { describe, expect, it } from 'vitest'
import {
  ConcurrencyError,
  createEventClient,
  DuplicateEventError,
  EVENT_SOURCING_ERROR_CODES,
  EventSourcingError,
  EventValidationError,
  IsolationError,
  isRetryable,
} from '../src/index.ts'
import { toEventSourcingError } from '../src/postgres/database-errors.ts'
import { checkOut } from './support/shop-models.ts'
import { shopEvents, shopProjections, type ShopEvent } from './support/shop.ts'

describe('the errors', () => {
  it('know from the table whether trying again can help', () => {
    for (const [code, { retryable, advice }] of Object.entries(EVENT_SOURCING_ERROR_CODES)) {
      const error = new EventSourcingError(code as keyof typeof EVENT_SOURCING_ERROR_CODES, 'x')
      expect([error.code, error.retryable, isRetryable(error)]).toEqual([code, retryable, retryable])
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(advice).toMatch(/^[A-Z].*\.$/)
    }
  })

  it('carry their own names', () => {
    const errors = [
      new ConcurrencyError({ id: 'a', type: 'T', position: 1 }),
      new DuplicateEventError('duplicate_event', 'x'),
      new IsolationError('serializable'),
      new EventValidationError('T', []),
    ]
    expect(errors.map(({ name }) => name)).toEqual(['ConcurrencyError', 'DuplicateEventError', 'IsolationError', 'EventValidationError'])
  })

  it('are told by code, also when another copy of the package threw them', () => {
    expect(isRetryable({ code: 'deadlock', retryable: true })).toBe(true)
    expect([isRetryable(new Error('x')), isRetryable(null), isRetryable('deadlock')]).toEqual([false, false, false])
  })
})

function wrapped(fields: object): Error {
  return new Error('Failed query', { cause: Object.assign(new Error('inner'), fields) })
}

describe('errors of the database', () => {
  it.each([
    [{ code: '40P01' }, 'deadlock'],
    [{ code: '40001' }, 'serialization_failure'],
    [{ code: '08006' }, 'connection_lost'],
    [{ code: '57P01' }, 'connection_lost'],
    [{ code: 'ECONNREFUSED' }, 'connection_lost'],
    [{ code: 'ETIMEDOUT' }, 'connection_lost'],
    [{ code: 'EHOSTUNREACH' }, 'connection_lost'],
    [{ code: 'ENETUNREACH' }, 'connection_lost'],
    [{ code: 'ENOTFOUND' }, 'connection_lost'],
    [{ code: 'EAI_AGAIN' }, 'connection_lost'],
    [{ code: '53300' }, 'connection_lost'],
    [{ code: 'CONNECTION_CLOSED' }, 'connection_lost'],
    [{ code: 'CONNECT_TIMEOUT' }, 'connection_lost'],
    [{ message: 'Connection terminated unexpectedly' }, 'connection_lost'],
    [{ message: 'Connection terminated due to connection timeout' }, 'connection_lost'],
    [{ message: 'timeout exceeded when trying to connect' }, 'connection_lost'],
    [{ message: 'timeout expired' }, 'connection_lost'],
    [{ message: 'Query read timeout' }, 'connection_lost'],
    [{ code: '23505', detail: 'Key (id)=(a) already exists.' }, 'duplicate_event'],
    [{ code: '23505', constraint_name: 'events_pkey' }, 'duplicate_event'],
  ])('%o become %s, wrapped by Drizzle or not', (fields, code) => {
    expect(toEventSourcingError(wrapped(fields))).toMatchObject({ code })
    expect(toEventSourcingError(Object.assign(new Error('inner'), fields))).toMatchObject({ code })
  })

  it('stay what they are where a caller would do nothing else', () => {
    for (const error of [
      wrapped({ code: '42P01' }),
      wrapped({ code: '23505', detail: 'Key (other)=(a) already exists.', constraint: 'other_idx' }),
      new TypeError('x'),
      undefined,
    ]) {
      expect(toEventSourcingError(error)).toBe(error)
    }
  })

  it('of a database that does not answer repeat a command only where it has a key', async () => {
    let attempts = 0
    const fail = async (): Promise<never> => {
      attempts++
      throw Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' })
    }
    const limits = { maxAttempts: 3, retryDelayMs: 0 }
    const client = createEventClient<ShopEvent['type'], ShopEvent>({ execute: fail, transaction: fail }, shopEvents, shopProjections, { limits })
    await expect(client.handle(checkOut, { cartId: 'a' })).rejects.toMatchObject({ code: 'connection_lost' })
    expect(attempts).toBe(1)
    await expect(client.handle(checkOut, { cartId: 'a' }, { idempotencyKey: 'key' })).rejects.toMatchObject({ code: 'connection_lost' })
    expect(attempts).toBe(4)
  })
})
