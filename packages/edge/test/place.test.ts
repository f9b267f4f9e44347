import { SORT_ENCODING } from '@zenstack-live/access'
import { parseEntryId, type Lsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { createKeys } from '../src/keys.ts'
import { encodePlace, encodePosition, parsePosition, type LogName } from '../src/log/place.ts'
import { encodeTicket, isTicketGoodAt, orderOf, parseTicket, type Ticket } from '../src/streams/ticket.ts'

const keys = createKeys('sixteen bytes and more')
const log: LogName = { identity: 'a log', epoch: 3 }
const place = { entry: parseEntryId('18446744073709551615-18446744073709551615'), lsn: ((1n << 64n) - 1n) as Lsn }
const scope = keys.sign('identity', 'bob')
const position = encodePosition(encodePlace(keys, log, place), scope)

describe('positions', () => {
  it('come back as they went, within 256 bytes', () => {
    expect(parsePosition(keys, log, [scope], position)).toEqual(place)
    expect(Buffer.byteLength(position)).toBeLessThanOrEqual(256)
  })

  it('are held against one scope after the other, until theirs is found', () => {
    let looked = 0
    function* scopes(): Generator<string> {
      for (const each of ['cay', 'bob', 'dan']) {
        looked++
        yield keys.sign('identity', each)
      }
    }
    expect(parsePosition(keys, log, scopes(), position)).toEqual(place)
    expect(looked).toBe(2)
  })

  it('are worth nothing when a single character is another', () => {
    for (let index = 0; index < position.length; index++) {
      const forged = position.slice(0, index) + (position[index] === 'x' ? 'y' : 'x') + position.slice(index + 1)
      // The last character of a signature has bits that no byte needs: such a text is the same signature.
      const parsed = parsePosition(keys, log, [scope], forged)
      if (parsed !== undefined) expect(parsed).toEqual(place)
    }
  })

  it('are worth nothing under another secret, log, epoch or scope', () => {
    expect(parsePosition(createKeys('another secret of some length'), log, [scope], position)).toBeUndefined()
    expect(parsePosition(keys, { ...log, identity: 'another' }, [scope], position)).toBeUndefined()
    expect(parsePosition(keys, { ...log, epoch: 4 }, [scope], position)).toBeUndefined()
    expect(parsePosition(keys, log, [keys.sign('identity', 'cay')], position)).toBeUndefined()
  })

  it('are refused without an error, whatever is sent', () => {
    for (const text of ['', '.', '~', '1~', `.${scope}`, `1~2~3~4~5~6.${scope}`, `\0.${scope}`, `${'~'.repeat(200)}.${scope}`]) {
      expect(parsePosition(keys, log, [scope], text)).toBeUndefined()
      expect(parseTicket(keys, scope, text)).toBeUndefined()
    }
  })

  it('need a secret that cannot be guessed', () => {
    expect(() => createKeys('short')).toThrow(TypeError)
  })
})

describe('tickets', () => {
  const ticket: Ticket = { scope, entry: parseEntryId('100-2'), horizon: 120n as Lsn, follows: 'abc', order: '1' }

  it('come back as they went, for the scope they were made for', () => {
    const text = encodeTicket(keys, ticket)
    expect(parseTicket(keys, scope, text)).toEqual(ticket)
    expect(parseTicket(keys, keys.sign('identity', 'cay'), text)).toBeUndefined()
  })

  it('say how rows are placed, of which changes have none', () => {
    expect([orderOf('incremental', 'findMany'), orderOf('requery', 'findMany'), orderOf('incremental', '$changes')]).toEqual([SORT_ENCODING, '', ''])
  })

  it('are worth nothing in a form of before', () => {
    for (const fields of [
      ['1', scope, '100-2', '120', 'abc'],
      ['2', scope, '100-2', '120', 'abc'],
      ['1', scope, '100-2', '120', 'abc', '1'],
    ]) {
      const text = fields.join('~')
      expect(parseTicket(keys, scope, `${text}~${keys.sign('ticket', text)}`)).toBeUndefined()
    }
  })

  it('are good behind their horizon, and before their own place, where everything is replayed', () => {
    const at = (entry: string, lsn: bigint) => ({ entry: parseEntryId(entry), lsn: lsn as Lsn })
    expect(isTicketGoodAt(ticket, at('120-0', 120n))).toBe(true)
    expect(isTicketGoodAt(ticket, at('100-2', 100n))).toBe(true)
    expect(isTicketGoodAt(ticket, at('110-1', 110n))).toBe(false)
  })
})
