import { LiveError } from '@zenstack-live/protocol'

/** A question that cannot be asked: unknown names, arguments that do not fit, or more of them than allowed. */
export class AccessError extends LiveError {
  override readonly name = 'AccessError'
}
