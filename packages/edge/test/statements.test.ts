import { LIMITS } from '@zenstack-live/protocol'
import { createQueryId, SelectQueryNode, type RootOperationNode } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Question } from '../src/database/asker.ts'
import type { Statement } from '../src/database/replacing-dialect.ts'
import { Statements } from '../src/database/statements.ts'
import type { EdgeClient } from '../src/identity/live-client.ts'
import { createMetrics } from '../src/operations/metrics.ts'

const QUERY = SelectQueryNode.create()

/** A database that answers with the statement it was sent, and a ZenStack that makes it. */
async function setUp(maxStatementBytes: number = LIMITS.maxStatementBytes) {
  const metrics = createMetrics()
  const statements = new Statements({ limits: { maxStatementBytes }, metrics })
  const server = { query: async (sql: string, parameters: unknown[]) => ({ command: 'SELECT', rows: [[sql, ...parameters]] }), release: () => {} }
  const pool = { connect: async () => server, end: async () => {}, options: {} }
  const driver = statements.createDialect({ pool: pool as never }).createDriver()
  await driver.init()
  const connection = await driver.acquireConnection()
  const send = async (query: RootOperationNode, statement: Statement): Promise<unknown> => {
    const { rows } = await connection.executeQuery({ query, queryId: createQueryId(), ...statement })
    return rows[0]
  }
  let made = 0
  const zenstack = async (statement: Statement): Promise<unknown> => {
    const proceed = async (query: RootOperationNode): Promise<never> => {
      if (query !== QUERY) return (await send(query, { sql: 'select', parameters: [] })) as never
      made++
      return (await send(query, statement)) as never
    }
    return statements.plugin.onKyselyQuery?.({ query: QUERY, proceed } as never)
  }
  return {
    metrics,
    send,
    /** How often ZenStack made the statement of a question since this was called last. */
    made: () => [made, (made = 0)][0],
    ask: async (client: EdgeClient, question: Question, ...parts: Statement[]) => {
      vi.advanceTimersByTime(10)
      return statements.ask(client, question, async () => {
        let last: unknown
        for (const part of parts) last = await zenstack(part)
        return last
      })
    },
  }
}

const clientOf = (): EdgeClient => ({}) as EdgeClient
const questionOf = (): Question => ({ model: 'Note', operation: 'findMany', args: {} })
const statementOf = (sql: string, ...parameters: unknown[]): Statement => ({ sql, parameters })

describe('the statement of a question', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('is made twice, and known from then on', async () => {
    const { ask, made, metrics } = await setUp()
    const [client, question] = [clientOf(), questionOf()]
    for (let time = 0; time < 5; time++) expect(await ask(client, question, statementOf('notes of', 'ann', 7n))).toEqual(['notes of', 'ann', 7n])
    expect(made()).toBe(2)
    expect(metrics.statementsRepeated).toBe(3)
  })

  it('is of one client: another’s is another', async () => {
    const { ask } = await setUp()
    const [ann, bob, question] = [clientOf(), clientOf(), questionOf()]
    for (let time = 0; time < 4; time++) {
      expect(await ask(ann, question, statementOf('notes of', 'ann'))).toEqual(['notes of', 'ann'])
      expect(await ask(bob, question, statementOf('notes of', 'bob'))).toEqual(['notes of', 'bob'])
    }
  })

  it('is of one question, however alike', async () => {
    const { ask } = await setUp()
    const [client, one, other] = [clientOf(), questionOf(), questionOf()]
    for (let time = 0; time < 4; time++) {
      expect(await ask(client, one, statementOf('one'))).toEqual(['one'])
      expect(await ask(client, other, statementOf('other'))).toEqual(['other'])
    }
  })

  it('is made each time where it is never the same', async () => {
    const { ask, metrics } = await setUp()
    const [client, question] = [clientOf(), questionOf()]
    for (let time = 0; time < 5; time++) expect(await ask(client, question, statementOf('notes at', time))).toEqual(['notes at', time])
    for (const at of [new Date(1), new Date(2), new Date(3)])
      expect(await ask(client, question, statementOf('notes at', at))).toEqual(['notes at', at])
    expect(metrics.statementsRepeated).toBe(0)
  })

  it('is not known after two times within a moment: a clock in it may not have moved', async () => {
    const { ask, made, metrics } = await setUp()
    const [client, question] = [clientOf(), questionOf()]
    const advance = vi.spyOn(vi, 'advanceTimersByTime').mockReturnValue(vi)
    for (let time = 0; time < 4; time++) await ask(client, question, statementOf('notes'))
    advance.mockRestore()
    expect(made()).toBe(4)
    for (let time = 0; time < 2; time++) await ask(client, question, statementOf('notes'))
    expect(metrics.statementsRepeated).toBe(1)
  })

  it('is not kept where a question takes two', async () => {
    const { ask, made } = await setUp()
    const [client, question] = [clientOf(), questionOf()]
    for (let time = 0; time < 4; time++) expect(await ask(client, question, statementOf('first'), statementOf('second'))).toEqual(['second'])
    expect(made()).toBe(8)
  })

  it('takes the place of nothing that is sent beside it', async () => {
    const { ask, send } = await setUp()
    const [client, question] = [clientOf(), questionOf()]
    for (let time = 0; time < 3; time++) await ask(client, question, statementOf('notes'))
    const [answer, other] = await Promise.all([ask(client, question, statementOf('notes')), send(QUERY, statementOf('something else'))])
    expect(answer).toEqual(['notes'])
    expect(other).toEqual(['something else'])
  })

  it('counts once, however many learn it at the same time', async () => {
    const size = 1_000
    const { ask, made } = await setUp(4 * size)
    const [client, a, b] = [clientOf(), questionOf(), questionOf()]
    await ask(client, a, statementOf('a'.repeat(size)))
    await Promise.all([1, 2, 3].map(() => ask(client, a, statementOf('a'.repeat(size)))))
    for (let time = 0; time < 2; time++) await ask(client, b, statementOf('b'.repeat(size)))
    made()
    await ask(client, a, statementOf('a'.repeat(size)))
    await ask(client, b, statementOf('b'.repeat(size)))
    expect(made()).toBe(0)
  })

  it('is forgotten where all take more than maxStatementBytes, the one that was asked longest ago first', async () => {
    const size = 1_000
    const ofSize = (letter: string): Statement => statementOf(letter.repeat(size))
    const [client, a, b] = [clientOf(), questionOf(), questionOf()]
    // With what stands around each of them, two take more than twice their text.
    for (const [limit, known] of [
      [2 * size, 1],
      [4 * size, 2],
    ] as const) {
      const { ask, made } = await setUp(limit)
      for (let time = 0; time < 2; time++) await ask(client, a, ofSize('a'))
      for (let time = 0; time < 2; time++) await ask(client, b, ofSize('b'))
      expect(made()).toBe(4)
      await ask(client, b, ofSize('b'))
      await ask(client, a, ofSize('a'))
      expect(made()).toBe(2 - known)
    }
  })
})
