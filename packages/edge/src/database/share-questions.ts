import { argsText } from './args-text.ts'
import type { DatabaseAnswer } from './asker.ts'
import type { EdgeContext } from '../edge-context.ts'
import type { Hub } from '../log/hub.ts'

/**
 * Equal questions of equal identities that wait at the same time are asked once. The answer says itself what it shows, so it is
 * as good for who came while it was on its way; but not past an end of continuity, where nothing tells what it does not show.
 */
export function shareQuestions(ask: EdgeContext['ask'], hub: Pick<Hub, 'era'>): EdgeContext['askShared'] {
  const waiting = new Map<string, Promise<DatabaseAnswer>>()
  return (identity, question) => {
    const key = `${hub.era} ${identity.key} ${argsText(question)}`
    const known = waiting.get(key)
    if (known !== undefined) return known
    const answer = ask(identity.client, question).finally(() => waiting.delete(key))
    waiting.set(key, answer)
    return answer
  }
}
