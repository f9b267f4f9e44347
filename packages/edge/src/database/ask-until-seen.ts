import { ERROR_CODES, errorCodeOf } from '@zenstack-live/protocol'
import type { Question } from './asker.ts'
import type { EdgeContext } from '../edge-context.ts'
import type { EdgeClient } from '../identity/live-client.ts'
import { sees } from './pg-snapshot.ts'
import type { Transaction } from '../log/transaction.ts'

export interface SeenAnswer {
  readonly value: unknown
  /** Whether it shows what this transaction did. */
  hasSeen(transaction: Transaction): boolean
}

const MAX_EARLY_PAUSE_MS = 500
const MAX_FAILURE_PAUSE_MS = 5_000

/**
 * Asks until the answer shows these transactions, and the log has passed all that it shows.
 *
 * @param isWanted - looked at before each question
 * @returns `undefined` when it is no longer wanted
 * @throws {LiveError} what asking again would not mend
 */
export async function askUntilSeen(
  context: EdgeContext,
  client: EdgeClient,
  question: Question,
  causes: readonly Transaction[],
  isWanted: () => boolean,
): Promise<SeenAnswer | undefined> {
  for (let attempt = 0; isWanted(); attempt++) {
    let mostMs = MAX_EARLY_PAUSE_MS
    try {
      const { value, snapshot, horizon } = await context.ask(client, question)
      const hasSeen = ({ xid }: Transaction): boolean => xid === 0 || sees(snapshot, xid)
      if (causes.every(hasSeen)) {
        await context.hub.passed(horizon)
        return { value, hasSeen }
      }
      context.metrics.requeriesTooEarly++
    } catch (error) {
      if (!ERROR_CODES[errorCodeOf(error)].isRetryable) throw error
      mostMs = MAX_FAILURE_PAUSE_MS
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(mostMs, 2 ** attempt)))
  }
  return undefined
}
