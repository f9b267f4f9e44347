import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAccessTicket, ownerOf, parseAccessTicket } from '../src/identity/access-ticket.ts'
import { createKeys } from '../src/keys.ts'

const keys = createKeys('a secret that only the tests know')
const others = createKeys('a secret that nobody here knows')

const wellFormed = fc.string({ unit: 'binary', maxLength: 60 })
const tickets = fc.record({
  subject: wellFormed,
  owner: wellFormed.map((authKey) => ownerOf(keys, authKey)),
  expiresAtMs: fc.integer({ min: 0, max: 2 ** 52 }),
})

describe('an access ticket', () => {
  it('says what was put into it, in characters that a URL takes as they are', () => {
    fc.assert(
      fc.property(tickets, wellFormed, (ticket, opens) => {
        const text = encodeAccessTicket(keys, opens, ticket)
        expect(parseAccessTicket(keys, opens, text)).toEqual(ticket)
        expect(encodeURIComponent(text)).toBe(text)
      }),
    )
  })

  it('opens nothing else, and nothing under another secret', () => {
    fc.assert(
      fc.property(tickets, wellFormed, wellFormed, (ticket, opens, other) => {
        const text = encodeAccessTicket(keys, opens, ticket)
        fc.pre(opens !== other)
        expect(parseAccessTicket(keys, other, text)).toBeUndefined()
        expect(parseAccessTicket(others, opens, text)).toBeUndefined()
      }),
    )
  })

  it('says nothing else, however it is bent', () => {
    const bends = fc.array(fc.tuple(fc.nat(200), fc.string({ maxLength: 3 }), fc.nat(3)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(tickets, bends, (ticket, changes) => {
        const text = encodeAccessTicket(keys, 'q', ticket)
        const bent = changes.reduce((part, [at, put, cut]) => part.slice(0, at) + put + part.slice(at + cut), text)
        expect([undefined, ticket]).toContainEqual(parseAccessTicket(keys, 'q', bent))
      }),
    )
  })

  it('is never one of what was signed for something else', () => {
    fc.assert(
      fc.property(wellFormed, (authKey) => {
        const owner = ownerOf(keys, authKey)
        for (const text of [`owner ${authKey}~${owner}`, `${authKey}~${owner}`, owner, `~${owner}`])
          expect(parseAccessTicket(keys, '', text)).toBeUndefined()
        expect(ownerOf(keys, undefined)).not.toBe(owner)
      }),
    )
  })
})
