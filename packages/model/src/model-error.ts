import { LiveError } from '@zenstack-live/protocol'

/** A schema and its database, or a change and its table, do not fit together. */
export class ModelError extends LiveError {
  override readonly name = 'ModelError'
}
