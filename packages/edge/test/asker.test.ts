import { LIMITS, type Limits } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'
import { createAsker, type Question } from '../src/database/asker.ts'
import { Statements } from '../src/database/statements.ts'
import { shareQuestions } from '../src/database/share-questions.ts'
import type { Identity } from '../src/identity/identity.ts'
import type { EdgeClient, EdgeTransaction } from '../src/identity/live-client.ts'
import { createMetrics } from '../src/operations/metrics.ts'

/** A database that answers with what it was asked, when it is let go. */
function setUp(limits: Partial<Limits> = {}) {
  const began: string[] = []
  const held: (() => void)[] = []
  const metrics = createMetrics()
  /** How often a table is emptied still, each time while questions are on their way. */
  const emptied = { times: 0 }
  /** How often another still has the table locked for too long. */
  const locked = { times: 0 }
  let file = 1
  const tableFiles = {
    get known() {
      return String(file)
    },
    async read() {
      if (emptied.times-- > 0) file++
      return String(file)
    },
  }
  const statements = new Statements({ limits: LIMITS, metrics })
  const asker = createAsker({ limits: { ...LIMITS, ...limits }, metrics, tableFiles, statements })
  const answered = (args: { n: number }): { n: number } => {
    if (args.n < 0) throw Object.assign(new Error('no such field'), { reason: 'invalid-input' })
    return args
  }
  const clientOf = (name: string, { isReachable = true, answersAfterMs = 0 } = {}): EdgeClient => {
    const $qb = { selectNoFrom: () => ({ execute: async () => [{ snapshot: '10:10:', lsn: '0/1', now: 1 }] }) }
    const findMany = async (args: { n: number }): Promise<{ n: number }> => {
      if (locked.times-- > 0) throw Object.assign(new Error('canceling statement due to lock timeout'), { dbErrorCode: '55P03' })
      if (answersAfterMs > 0) await new Promise((resolve) => setTimeout(resolve, answersAfterMs))
      return answered(args)
    }
    const client = {
      async $transaction<Result>(run: (transaction: EdgeTransaction) => Promise<Result>): Promise<Result> {
        began.push(name)
        await new Promise<void>((resolve) => held.push(resolve))
        if (!isReachable) throw new Error('connect ECONNREFUSED')
        return run({ $qb, Note: { findMany } } as never)
      },
    }
    return client as unknown as EdgeClient
  }
  const question = (n: number): Question => ({ model: 'Note', operation: 'findMany', args: { n } })
  const nextBegins = (count: number): Promise<void> => vi.waitFor(() => expect(began).toHaveLength(count))
  return { asker, metrics, emptied, locked, began, held, clientOf, question, nextBegins, letGo: () => held.shift()?.() }
}

describe('asking the database', () => {
  it('takes each identity in turn: who asks for much does not keep the others waiting', async () => {
    const { asker, began, clientOf, question, nextBegins, letGo } = setUp({ maxConcurrentRequeries: 1 })
    const [greedy, modest] = [clientOf('greedy'), clientOf('modest')]
    const answers = Array.from({ length: 40 }, (_, n) => asker.ask(greedy, question(n)))
    answers.push(asker.ask(modest, question(7)))
    for (let count = 1; count <= 4; count++) {
      await nextBegins(count)
      letGo()
    }
    expect((await Promise.all(answers)).map(({ value }) => Reflect.get(value as object, 'n'))).toEqual([...Array.from({ length: 40 }).keys(), 7])
    expect(began).toEqual(['greedy', 'modest', 'greedy', 'greedy'])
  })

  it('runs maxConcurrentRequeries transactions at once, and no more', async () => {
    const { asker, metrics, began, clientOf, question, nextBegins, letGo } = setUp({ maxConcurrentRequeries: 2 })
    const answers = ['a', 'b', 'c'].map((name) => asker.ask(clientOf(name), question(1)))
    await nextBegins(2)
    expect(metrics.questionsWaitingNow).toBe(1)
    letGo()
    await nextBegins(3)
    expect(began).toEqual(['a', 'b', 'c'])
    letGo()
    letGo()
    await Promise.all(answers)
    expect([metrics.questionsWaitingNow, metrics.databaseTransactions]).toEqual([0, 3])
  })

  it('asks again those that came after one that failed, each alone, and nobody twice who was answered', async () => {
    const { asker, metrics, began, clientOf, question, nextBegins, letGo } = setUp()
    const client = clientOf('ann')
    const asked = outcomes([1, -1, 2, 3].map((n) => asker.ask(client, question(n))))
    await nextBegins(1)
    letGo()
    // Both at once.
    await nextBegins(3)
    letGo()
    letGo()
    expect(await asked).toEqual([1, 'bad_arguments', 2, 3])
    expect([began.length, metrics.databaseQueries, metrics.questionsWaitingNow]).toEqual([3, 4, 0])
  })

  it('fails all of them at once when the database cannot be reached', async () => {
    const { asker, began, clientOf, question, nextBegins, letGo } = setUp()
    const client = clientOf('ann', { isReachable: false })
    const asked = outcomes(Array.from({ length: 16 }, (_, n) => asker.ask(client, question(n))))
    await nextBegins(1)
    letGo()
    expect([new Set(await asked), began]).toEqual([new Set(['database_unavailable']), ['ann']])
  })

  it('lets half of the transactions be of questions that are asked again: the others go on', async () => {
    const { asker, began, clientOf, question, nextBegins, letGo } = setUp({ maxConcurrentRequeries: 4 })
    const slow = clientOf('slow')
    const asked = outcomes([-1, ...Array.from({ length: 9 }, (_, n) => n)].map((n) => asker.ask(slow, question(n))))
    await nextBegins(1)
    letGo()
    await nextBegins(3)
    const others = ['a', 'b', 'c'].map((name) => asker.ask(clientOf(name), question(1)))
    await nextBegins(5)
    expect(began).toEqual(['slow', 'slow', 'slow', 'a', 'b'])
    const lettingGo = setInterval(letGo, 1)
    await Promise.all(others)
    expect(await asked).toEqual(['bad_arguments', ...Array.from({ length: 9 }).keys()])
    clearInterval(lettingGo)
  })

  it('asks again while tables are emptied beneath a question, maxAsksPerQuestion times and no oftener', async () => {
    const { asker, metrics, emptied, began, clientOf, question, letGo } = setUp({ maxAsksPerQuestion: 3 })
    const client = clientOf('ann')
    const lettingGo = setInterval(letGo, 1)
    emptied.times = 2
    expect(await outcomes([1, 2].map((n) => asker.ask(client, question(n))))).toEqual([1, 2])
    expect(began).toHaveLength(3)
    emptied.times = 1_000
    expect(await outcomes([1, 2].map((n) => asker.ask(client, question(n))))).toEqual(['database_unavailable', 'database_unavailable'])
    expect([began.length, metrics.questionsWaitingNow]).toEqual([6, 0])
    emptied.times = 0
    expect(await outcomes([asker.ask(client, question(3))])).toEqual([3])
    clearInterval(lettingGo)
  })

  it('asks again while a table that a question reads is locked, maxAsksPerQuestion times and no oftener', async () => {
    const { asker, metrics, locked, began, clientOf, question, letGo } = setUp({ maxAsksPerQuestion: 3 })
    const client = clientOf('ann')
    const lettingGo = setInterval(letGo, 1)
    locked.times = 2
    expect(await outcomes([asker.ask(client, question(1))])).toEqual([1])
    expect(began).toHaveLength(3)
    locked.times = 3
    expect(await outcomes([asker.ask(client, question(2))])).toEqual(['database_unavailable'])
    expect([began.length, metrics.questionsWaitingNow]).toEqual([6, 0])
    clearInterval(lettingGo)
  })

  it('asks nothing that nobody waits for any more when it is its turn', async () => {
    const { asker, metrics, began, clientOf, question, nextBegins, letGo } = setUp({ maxConcurrentRequeries: 1 })
    const [ann, bob] = [clientOf('ann'), clientOf('bob')]
    let isThere = true
    const asked = outcomes([
      asker.ask(ann, question(1)),
      ...[2, 3].map((n) => asker.ask(bob, question(n), () => isThere)),
      asker.ask(ann, question(4)),
    ])
    await nextBegins(1)
    isThere = false
    letGo()
    expect(await asked).toEqual([1, 'database_unavailable', 'database_unavailable', 4])
    expect([began, metrics.databaseQueries, metrics.questionsWaitingNow]).toEqual([['ann'], 2, 0])
  })

  it('begins no further question in a transaction that is older than databaseTimeoutMs', async () => {
    const { asker, metrics, began, clientOf, question, nextBegins, letGo } = setUp({ databaseTimeoutMs: 5 })
    const client = clientOf('ann', { answersAfterMs: 20 })
    const asked = outcomes([1, 2].map((n) => asker.ask(client, question(n))))
    await nextBegins(1)
    letGo()
    await nextBegins(2)
    letGo()
    expect([await asked, began.length, metrics.databaseQueries]).toEqual([[1, 2], 2, 2])
  })
})

/** Numbers that were answered, and codes of what failed. */
async function outcomes(asked: readonly Promise<{ value: unknown }>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(asked)
  return settled.map(
    (one) => (one.status === 'fulfilled' ? Reflect.get(Object(one.value.value), 'n') : Reflect.get(Object(one.reason), 'code')) as unknown,
  )
}

describe('equal questions', () => {
  const identity = (key: string, client: EdgeClient): Identity => ({ key, client }) as Identity

  it('of one identity that wait at the same time are asked once; those of others, and after an end of continuity, are not', async () => {
    const { asker, metrics, clientOf, question, nextBegins, letGo } = setUp()
    const hub = { era: 1 }
    const ask = shareQuestions((client, one) => asker.ask(client, one), hub)
    const [ann, bob] = [identity('ann', clientOf('ann')), identity('bob', clientOf('bob'))]
    const asked = [ask(ann, question(1)), ask(ann, question(1)), ask(bob, question(1))]
    await nextBegins(2)
    hub.era = 2
    asked.push(ask(ann, question(1)))
    await nextBegins(3)
    for (let count = 0; count < 3; count++) letGo()
    await Promise.all(asked)
    expect(metrics.databaseQueries).toBe(3)
    asked.push(ask(ann, question(1)))
    await nextBegins(4)
    letGo()
    await Promise.all(asked)
    expect(metrics.databaseQueries).toBe(4)
  })
})
