import type { DataModel } from '@zenstack-live/model'
import type { LiveClient } from './live-client.ts'

export function authProjection(_data: DataModel, _client: LiveClient, auth: unknown): unknown {
  return auth
}
