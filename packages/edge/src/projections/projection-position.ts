import type { Keys } from '../keys.ts'
import type { LogName } from '../log/place.ts'

/** What a position of a projection is good for, and for nothing else. */
export interface ProjectionScope {
  /** A restored database draws the same positions again for other events: with the epoch they end. */
  readonly log: LogName
  readonly name: string
  readonly version: number
  readonly id: string
}

const VERSION = '1'

/** The position as clients keep it: `1~<position>~<signature>`. Who asks is not part of it; that is decided anew at each opening. */
export function encodeProjectionPosition(keys: Keys, scope: ProjectionScope, position: number): string {
  return [VERSION, position, keys.sign('projection', scopeText(scope, position))].join('~')
}

/** The position, or `undefined` when it is corrupt, forged, or of another projection, version, id or epoch. Never throws. */
export function parseProjectionPosition(keys: Keys, scope: ProjectionScope, text: string): number | undefined {
  const [version, digits = '', signature, ...rest] = text.split('~')
  if (version !== VERSION || !/^\d{1,16}$/.test(digits) || signature === undefined || rest.length > 0) return undefined
  const position = Number(digits)
  return keys.verify('projection', scopeText(scope, position), signature) ? position : undefined
}

function scopeText({ log, name, version, id }: ProjectionScope, position: number): string {
  return JSON.stringify([log.identity, log.epoch, name, version, id, position])
}
