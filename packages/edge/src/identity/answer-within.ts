import { within } from '../within.ts'

/**
 * What a function of the application says, which may take for ever: streams go on, or stand still, meanwhile.
 *
 * @throws {Error} when it does not answer in time; what it says later is worth nothing. Or what it throws
 */
export async function answerWithin<Answer>(ms: number, ask: () => Promise<Answer> | Answer): Promise<Answer> {
  const answer = async (): Promise<{ said: Answer }> => ({ said: await ask() })
  const inTime = await within(answer(), ms)
  if (inTime === undefined) throw new Error(`no answer in ${ms} ms (identityTimeoutMs)`)
  return inTime.said
}
