import type { JsonPatchOperation } from '@zenstack-live/protocol'

/**
 * The value after the patch. `value` itself is not changed, and what the patch does not touch is shared with it.
 *
 * @throws {TypeError} when the patch does not fit the value.
 * @see https://www.rfc-editor.org/rfc/rfc6902
 */
export function applyJsonPatch(value: unknown, patch: readonly JsonPatchOperation[]): unknown {
  return patch.reduce((current, operation) => applyAt(current, stepsOf(operation.path), operation), value)
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function applyAt(target: unknown, [step, ...rest]: readonly string[], operation: JsonPatchOperation): unknown {
  if (step === undefined && operation.op !== 'remove') return operation.value
  const op = rest.length === 0 ? operation.op : 'replace'
  if (step === undefined || typeof target !== 'object' || target === null) throw new TypeError(`The patch does not fit at "${operation.path}".`)
  const at = !Array.isArray(target) ? step : step === '-' ? target.length : Number(step)
  const isNew = op === 'add' && (Array.isArray(target) ? at === target.length : !Object.hasOwn(target, at))
  if (!isNew && !Object.hasOwn(target, at)) throw new TypeError(`The patch finds nothing at "${operation.path}".`)
  const next: unknown = op === 'remove' ? undefined : applyAt(Reflect.get(target, at), rest, operation)
  if (Array.isArray(target)) return target.toSpliced(Number(at), op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [next]))
  // Not by assignment: a member may be called `__proto__`.
  const members = Object.entries(target).filter(([name]) => op !== 'remove' || name !== step)
  if (isNew) members.push([step, next])
  return Object.fromEntries(members.map(([name, value]) => [name, name === step ? next : value]))
}
