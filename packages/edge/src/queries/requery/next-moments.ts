import { argsText } from '../../database/args-text.ts'
import type { Question } from '../../database/asker.ts'
import type { EdgeContext } from '../../edge-context.ts'

/** Which moments are looked at. */
export interface MomentsOf {
  readonly model: string
  readonly field: string
  /** Other rows do not matter; `undefined` when all do. */
  readonly where: object | undefined
}

/** Tells when the next moment comes that rows hold, whoever may read them: equal look-ups that wait at the same time are one. */
export interface NextMoments {
  /**
   * @param fromMs - of the database's clock, in milliseconds since 1970, as is what it returns
   * @returns `undefined` when none comes within {@link LOOK_AHEAD_MS}
   * @throws {LiveError} as the asker does
   */
  after(of: MomentsOf, fromMs: number): Promise<number | undefined>
}

/** Further off nobody looks. A clock may be set, or stand still while its machine sleeps: after so long the database is asked in any case. */
export const LOOK_AHEAD_MS = 10 * 60_000

/** A look-up that has not begun, from the earliest to the latest that any of those needs who wait for it. */
interface Waiting {
  fromMs: number
  toMs: number
  readonly next: Promise<number | undefined>
}

export function createNextMoments({ asker, database }: Pick<EdgeContext, 'asker' | 'database'>): NextMoments {
  const waiting = new Map<string, Waiting>()
  const running = new Map<string, Promise<unknown>>()

  /** Asked without policies: who is not let in by a row yet, may be then. Nobody is told. */
  const look = async ({ model, field, where }: MomentsOf, fromMs: number, toMs: number): Promise<number | undefined> => {
    const range = { [field]: { gte: new Date(fromMs), lte: new Date(toMs) } }
    const args = { where: where === undefined ? range : { AND: [where, range] }, orderBy: { [field]: 'asc' }, select: { [field]: true } }
    const question: Question = { model, operation: 'findFirst', args }
    const { value } = await asker.ask(database.unprotected(), question)
    const moment: unknown = Reflect.get(Object(value), field)
    return moment instanceof Date ? moment.getTime() : undefined
  }

  /** Joins the look-up that has not begun: one on its way may not see the rows that made the caller ask. */
  const join = (of: MomentsOf, fromMs: number): Promise<number | undefined> => {
    const key = argsText([of.model, of.field, of.where])
    const known = waiting.get(key)
    if (known !== undefined) {
      known.fromMs = Math.min(known.fromMs, fromMs)
      known.toMs = Math.max(known.toMs, fromMs + LOOK_AHEAD_MS)
      return known.next
    }
    const next = (running.get(key) ?? Promise.resolve()).then(() => {
      waiting.delete(key)
      return look(of, mine.fromMs, mine.toMs)
    })
    const mine: Waiting = { fromMs, toMs: fromMs + LOOK_AHEAD_MS, next }
    waiting.set(key, mine)
    const ended = next.catch(() => {})
    running.set(key, ended)
    void ended.then(() => running.get(key) === ended && running.delete(key))
    return next
  }

  return {
    async after(of, fromMs) {
      const from = Math.floor(fromMs)
      const next = await join(of, from)
      // Of somebody who looks from earlier on.
      return next !== undefined && next < from ? look(of, from, from + LOOK_AHEAD_MS) : next
    },
  }
}
