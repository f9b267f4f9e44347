/** One step from one JSON value to the next: the operations of RFC 6902 that a difference needs. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** Operations to apply in order. Empty when nothing visible changed. */
export type JsonPatch = readonly JsonPatchOperation[]

/** From this many operations on, the whole value is sent where that is shorter. */
const MAX_UNCHECKED_OPERATIONS = 32

/**
 * The patch that makes `after` of `before`, both as JSON sees them. What both share by reference is not looked into, so
 * that the cost is that of the change when states are immutable.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6902
 */
export function diffJson(before: unknown, after: unknown): JsonPatch {
  const operations: JsonPatchOperation[] = []
  diffValue(toJsonValue(before), toJsonValue(after), '', operations)
  if (operations.length <= MAX_UNCHECKED_OPERATIONS) return operations
  const whole: JsonPatch = [{ op: 'replace', path: '', value: after }]
  return JSON.stringify(whole).length < JSON.stringify(operations).length ? whole : operations
}

/**
 * The value after the patch; `value` itself is not changed, and what the patch does not touch is shared.
 *
 * @throws {TypeError} when the patch does not fit the value.
 */
export function applyJsonPatch(value: unknown, patch: JsonPatch): unknown {
  return patch.reduce((current, operation) => applyAt(current, parsePointer(operation.path), operation), value)
}

function diffValue(before: unknown, after: unknown, path: string, operations: JsonPatchOperation[]): void {
  if (before === after) return
  if (Array.isArray(before) && Array.isArray(after)) diffList(before, after, path, operations)
  else if (isPlain(before) && isPlain(after)) diffObject(before, after, path, operations)
  else operations.push({ op: 'replace', path, value: after })
}

function diffObject(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: string,
  operations: JsonPatchOperation[],
): void {
  for (const key of Object.keys(before)) {
    if (isAbsent(before[key])) continue
    if (!Object.hasOwn(after, key) || isAbsent(after[key])) operations.push({ op: 'remove', path: `${path}/${escapeKey(key)}` })
  }
  for (const [key, raw] of Object.entries(after)) {
    if (isAbsent(raw)) continue
    const isNew = !Object.hasOwn(before, key) || isAbsent(before[key])
    const at = `${path}/${escapeKey(key)}`
    if (isNew) operations.push({ op: 'add', path: at, value: toJsonValue(raw) })
    else diffValue(toJsonValue(before[key]), toJsonValue(raw), at, operations)
  }
}

/** Skips what is alike at both ends, so that one insertion or removal is one operation. */
function diffList(before: readonly unknown[], after: readonly unknown[], path: string, operations: JsonPatchOperation[]): void {
  let start = 0
  while (start < before.length && start < after.length && isSame(before[start], after[start])) start++
  let beforeEnd = before.length
  let afterEnd = after.length
  while (beforeEnd > start && afterEnd > start && isSame(before[beforeEnd - 1], after[afterEnd - 1])) {
    beforeEnd--
    afterEnd--
  }
  const common = Math.min(beforeEnd, afterEnd)
  for (let index = start; index < common; index++) diffValue(listValue(before[index]), listValue(after[index]), `${path}/${index}`, operations)
  for (let index = beforeEnd - 1; index >= common; index--) operations.push({ op: 'remove', path: `${path}/${index}` })
  for (let index = common; index < afterEnd; index++) operations.push({ op: 'add', path: `${path}/${index}`, value: listValue(after[index]) })
}

/** Ends at the first difference: a patch made only to see whether it is empty would cost three times as much with each level of lists. */
function isSame(before: unknown, after: unknown): boolean {
  const [a, b] = [listValue(before), listValue(after)]
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => isSame(item, b[index]))
  if (Array.isArray(a) || Array.isArray(b) || !isPlain(a) || !isPlain(b)) return false
  const keys = presentKeys(a)
  return keys.length === presentKeys(b).length && keys.every((key) => Object.hasOwn(b, key) && !isAbsent(b[key]) && isSame(a[key], b[key]))
}

function presentKeys(value: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(value).filter((key) => !isAbsent(value[key]))
}

/** JSON writes `null` where a list has nothing. */
function listValue(value: unknown): unknown {
  return isAbsent(value) ? null : toJsonValue(value)
}

/** A value as `JSON.stringify` sees it, one level deep. */
function toJsonValue(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return null
  if (typeof value === 'object' && value !== null && 'toJSON' in value && typeof value.toJSON === 'function') return value.toJSON()
  return value
}

function isAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol'
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function escapeKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

function parsePointer(path: string): string[] {
  return path === ''
    ? []
    : path
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function applyAt(target: unknown, [step, ...rest]: readonly string[], operation: JsonPatchOperation): unknown {
  if (step === undefined) {
    if (operation.op === 'remove') throw new TypeError('A patch cannot remove the whole value.')
    return operation.value
  }
  if (Array.isArray(target)) return applyToList(target, step, rest, operation)
  if (!isPlain(target)) throw new TypeError(`The patch leads into "${operation.path}", where the value holds no object.`)
  if (rest.length === 0 && operation.op === 'remove') {
    if (!Object.hasOwn(target, step)) throw new TypeError(`The patch removes "${operation.path}", which is not there.`)
    return Object.fromEntries(Object.entries(target).filter(([key]) => key !== step))
  }
  if ((rest.length > 0 || operation.op === 'replace') && !Object.hasOwn(target, step))
    throw new TypeError(`The patch changes "${operation.path}", which is not there.`)
  return { ...target, [step]: applyAt(target[step], rest, operation) }
}

function applyToList(target: readonly unknown[], step: string, rest: readonly string[], operation: JsonPatchOperation): unknown[] {
  const index = Number(step)
  const limit = rest.length === 0 && operation.op === 'add' ? target.length : target.length - 1
  if (!Number.isInteger(index) || index < 0 || index > limit) throw new TypeError(`The patch names "${operation.path}", beyond the end of the list.`)
  if (rest.length > 0) return target.with(index, applyAt(target[index], rest, operation))
  if (operation.op === 'remove') return target.toSpliced(index, 1)
  return operation.op === 'add' ? target.toSpliced(index, 0, operation.value) : target.with(index, operation.value)
}
