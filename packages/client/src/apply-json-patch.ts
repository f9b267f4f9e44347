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
  if (step === undefined) {
    if (operation.op === 'remove') throw new TypeError('A patch cannot remove the whole value.')
    return operation.value
  }
  const isAdded = rest.length === 0 && operation.op === 'add'
  const isRemoved = rest.length === 0 && operation.op === 'remove'
  if (Array.isArray(target)) {
    const index = step === '-' && isAdded ? target.length : Number(step)
    if (!Number.isInteger(index) || index < 0 || index > (isAdded ? target.length : target.length - 1))
      throw new TypeError(`The patch names "${operation.path}", beyond the end of the list.`)
    const before = target.slice(0, index) as unknown[]
    if (isRemoved) return [...before, ...target.slice(index + 1)]
    return [...before, applyAt(target[index], rest, operation), ...target.slice(isAdded ? index : index + 1)]
  }
  if (typeof target !== 'object' || target === null) throw new TypeError(`The patch leads into "${operation.path}", where the value holds no object.`)
  if (!isAdded && !Object.hasOwn(target, step)) throw new TypeError(`The patch changes "${operation.path}", which is not there.`)
  const members = Object.entries(target)
  if (isRemoved) return Object.fromEntries(members.filter(([name]) => name !== step))
  const next = applyAt(Reflect.get(target, step), rest, operation)
  // Not by assignment: a member may be called `__proto__`.
  return Object.fromEntries(
    isAdded && !Object.hasOwn(target, step) ? [...members, [step, next]] : members.map(([name, old]) => [name, name === step ? next : old]),
  )
}
