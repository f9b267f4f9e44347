import { LiveError } from '@zenstack-live/protocol'
import type { LiveClient } from './live-client.ts'

const POLICY_PLUGIN = 'policy'

/** @throws {LiveError} `unprotected_client` when the client answers without access policies. */
export function checkProtection(client: LiveClient, isUnprotectedAllowed: boolean): void {
  if (isUnprotectedAllowed || pluginIds(client.$options).includes(POLICY_PLUGIN)) return
  throw new LiveError('unprotected_client', 'getClient returned a client without the policy plugin. Add `$use(new PolicyPlugin())`.')
}

export function pluginIds(clientOptions: object): string[] {
  const plugins: unknown = Reflect.get(clientOptions, 'plugins')
  return Array.isArray(plugins) ? plugins.map((plugin: object) => String(Reflect.get(plugin, 'id'))) : []
}
