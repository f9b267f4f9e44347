import type { EdgeOptions } from '@zenstack-live/edge'
import { openLiveGround, type LiveGround } from './live-ground.ts'
import { openLiveWorld, type LiveWorld } from './live-world.ts'
import type { StudioPolicies } from './studio-policies.ts'

/** A ground, opened when it is needed, and the world that is on it now. */
export interface LiveStage extends AsyncDisposable {
  /** The same world for the same policies, until others are asked for. */
  worldOf(policies: StudioPolicies): Promise<LiveWorld>
}

export function createLiveStage(options: { hasProcesses?: boolean; edgeOptions?: Partial<EdgeOptions> } = {}): LiveStage {
  let ground: LiveGround | undefined
  let world: LiveWorld | undefined
  return {
    async worldOf(policies) {
      ground ??= await openLiveGround(options)
      if (world?.policies === policies) return world
      await world?.close()
      world = undefined
      return (world = await openLiveWorld(ground, policies, options.edgeOptions))
    },
    async [Symbol.asyncDispose]() {
      await world?.close()
      await ground?.close()
    },
  }
}
