import { LIMITS, type Limits } from '@zenstack-live/protocol'

/**
 * All limits: those that are given, and for the rest the defaults.
 *
 * @throws {TypeError} when one of them is no limit, or no number of 0 or more; it names them all. A configuration is read without its types
 */
export function readLimits(given: Partial<Limits> = {}): Limits {
  const wrong = Object.entries(given).flatMap(([name, value]: [string, unknown]) => {
    if (!Object.hasOwn(LIMITS, name)) return [`There is no limit "${name}".`]
    return Number.isFinite(value) && Number(value) >= 0 ? [] : [`"${name}" is ${String(value)}, and has to be a number of 0 or more.`]
  })
  if (wrong.length > 0) throw new TypeError(`\`limits\` cannot be used. ${wrong.join(' ')}`)
  return { ...LIMITS, ...given }
}
