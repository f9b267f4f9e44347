import { LIMITS, LiveError, type EntryId, type Lsn } from '@zenstack-live/protocol'
import type { KeySetSpec } from '@zenstack-live/access'
import { describe, expect, it } from 'vitest'
import type { DatabaseAnswer } from '../src/database/asker.ts'
import { parsePgSnapshot } from '../src/database/pg-snapshot.ts'
import type { EdgeContext } from '../src/edge-context.ts'
import type { Identity } from '../src/identity/identity.ts'
import { KeySetHolder } from '../src/queries/incremental/key-set-holder.ts'

const NONE: DatabaseAnswer = { value: [], snapshot: parsePgSnapshot('10:10:'), horizon: 5n as Lsn, time: { databaseMs: 0, localMs: 0 } }

describe('the keys of somebody', () => {
  it('are not read again because an older reading fails: they would be replaced beneath those who go by them', async () => {
    const { holder, questions } = createHolder()
    const older = holder.ready()
    holder.forget()
    const newer = holder.ready()
    questions[0]?.reject(new LiveError('database_unavailable', 'It went away.'))
    await expect(older).rejects.toMatchObject({ code: 'database_unavailable' })
    questions[1]?.resolve(NONE)
    await newer
    await holder.ready()
    expect([questions.length, holder.isReady]).toEqual([2, true])
  })

  it('are read again when they could not be read', async () => {
    const { holder, questions } = createHolder()
    const first = holder.ready()
    questions[0]?.reject(new LiveError('database_unavailable', 'It went away.'))
    await expect(first).rejects.toMatchObject({ code: 'database_unavailable' })
    const second = holder.ready()
    questions[1]?.resolve(NONE)
    await second
    expect(holder.isReady).toBe(true)
  })

  it('are nothing of what was read before they were forgotten', async () => {
    const { holder, questions } = createHolder()
    const older = holder.ready()
    holder.forget()
    questions[0]?.resolve(NONE)
    await older
    expect(holder.isReady).toBe(false)
  })

  it('are known only from the place on that they were read at', async () => {
    const { holder, questions } = createHolder()
    const ready = holder.ready()
    questions[0]?.resolve(NONE)
    await ready
    expect([4n, 5n].map((lsn) => holder.isKnownAt(lsn as Lsn))).toEqual([false, true])
  })
})

function createHolder() {
  const questions: PromiseWithResolvers<DatabaseAnswer>[] = []
  const ask = (): Promise<DatabaseAnswer> => {
    const question = Promise.withResolvers<DatabaseAnswer>()
    questions.push(question)
    return question.promise
  }
  const head = { entry: '1-1' as EntryId, lsn: 1n as Lsn }
  // Only what it uses.
  const context = {
    hub: { era: 0, history: { head, firstUnseen: () => undefined, after: () => [] } },
    asker: { ask },
    limits: LIMITS,
    database: { unprotected: () => ({}) },
  } as unknown as EdgeContext
  const model = { name: 'Member', table: { schema: 'public', name: 'Member' } }
  const spec = { id: 'members', model, keyFields: ['spaceId'], selectFields: ['spaceId', 'userId'] } as unknown as KeySetSpec
  return { holder: new KeySetHolder(context, spec, { auth: null } as Identity, { where: {}, onTooMany: () => {} }), questions }
}
