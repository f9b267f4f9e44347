import { LiveError, type ErrorCode } from '@zenstack-live/protocol'
import { EMPTY_QUERY_VIEW, type QueryView } from './connection-view.ts'
import type { JsonRead } from './json-read.ts'
import { isRetryable } from './live-stream.ts'
import { dataOf, valueResult } from './query-result.ts'

/** What asking once said: a result, a refusal, or nothing while the server cannot answer. */
export type PollAnswer =
  | { readonly kind: 'answered'; readonly view: QueryView; readonly isNew: boolean }
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  | undefined

/** Asks for a result without a stream. Rows that did not change keep their identity. */
export async function pollQuery(read: () => Promise<JsonRead>, shown: () => QueryView): Promise<PollAnswer> {
  try {
    const { data } = await read()
    const { result } = shown()
    const previous = result === undefined ? undefined : valueResult(dataOf(result))
    const next = valueResult(data, previous)
    return { kind: 'answered', view: { ...EMPTY_QUERY_VIEW, result: next }, isNew: previous === undefined || next.value !== previous.value }
  } catch (error) {
    return error instanceof LiveError && !isRetryable(error.code) ? { kind: 'refused', code: error.code } : undefined
  }
}
