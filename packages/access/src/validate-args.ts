import { createQuerySchemaFactory } from '@zenstackhq/orm'
import { LIMITS, type Limits, type LiveOperation } from '@zenstack-live/protocol'
import { AccessError } from './access-error.ts'

/** The limits that arguments are held to. */
export type ArgsLimits = Pick<Limits, 'maxArgsDepth' | 'maxListItems' | 'maxStringChars'>

/** The parts of a client that say what may be asked. */
export interface SlicedClient {
  readonly $schema: unknown
  readonly $options: unknown
}

interface Slicing {
  includedModels?: readonly string[]
  excludedModels?: readonly string[]
  models?: Record<string, { includedOperations?: readonly string[]; excludedOperations?: readonly string[] } | undefined>
}

interface Schema {
  models: Record<string, unknown>
}

interface Parser {
  safeParse(
    value: unknown,
  ): { success: true; data: unknown } | { success: false; error: { issues: readonly { path: readonly unknown[]; message: string }[] } }
}

type SchemaFactory = Record<string, (model: string) => Parser>

const MAKERS: Record<LiveOperation, string> = {
  findMany: 'makeFindManySchema',
  findFirst: 'makeFindFirstSchema',
  findUnique: 'makeFindUniqueSchema',
  exists: 'makeExistsSchema',
  count: 'makeCountSchema',
  aggregate: 'makeAggregateSchema',
  groupBy: 'makeGroupBySchema',
}

const DANGEROUS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Checks arguments from outside: their size first, which costs no more than reading them once, then their shape with ZenStack's
 * own schema under the client's slicing.
 *
 * @returns the arguments as ZenStack would take them, date texts turned into dates
 * @throws {AccessError} `unknown_model`, `unknown_operation`, `too_large`, `bad_arguments`
 */
export function validateArgs(client: SlicedClient, model: string, operation: string, args: unknown, limits: ArgsLimits = LIMITS): unknown {
  checkModel(client, model)
  checkOperation(client, model, operation)
  checkSize(args, limits)
  const maker = MAKERS[operation as keyof typeof MAKERS]
  const result = parserOf(client, model, maker).safeParse(args)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const place = issue === undefined ? '' : ` at "${issue.path.map(String).join('.').slice(0, 200)}": ${issue.message.slice(0, 200)}`
  throw new AccessError('bad_arguments', `Arguments of ${model}.${operation} do not fit the schema${place}.`)
}

const parsers = new WeakMap<object, Map<string, Parser>>()

/** Making a schema takes milliseconds; it depends on the client's options only. */
function parserOf(client: SlicedClient, model: string, maker: string): Parser {
  const options = client.$options as object
  let made = parsers.get(options)
  if (made === undefined) parsers.set(options, (made = new Map()))
  const key = `${model} ${maker}`
  let parser = made.get(key)
  if (parser === undefined) {
    const factory = createQuerySchemaFactory(client as never) as unknown as SchemaFactory
    const make = factory[maker]
    if (make === undefined) throw new AccessError('internal', `ZenStack has no ${maker}.`)
    parser = make.call(factory, model)
    made.set(key, parser)
  }
  return parser
}

function checkModel(client: SlicedClient, model: string): void {
  const { models } = client.$schema as Schema
  const { includedModels, excludedModels } = slicingOf(client)
  const isKnown = Object.hasOwn(models, model) && includedModels?.includes(model) !== false && excludedModels?.includes(model) !== true
  if (!isKnown) throw new AccessError('unknown_model', `There is no model "${model.slice(0, 80)}", or the client excludes it.`)
}

function checkOperation(client: SlicedClient, model: string, operation: string): void {
  const { models } = slicingOf(client)
  const own = models?.[model.charAt(0).toLowerCase() + model.slice(1)]
  const included = own?.includedOperations ?? models?.['$all']?.includedOperations
  const excluded = own?.excludedOperations ?? models?.['$all']?.excludedOperations
  const isKnown = Object.hasOwn(MAKERS, operation) && included?.includes(operation) !== false && excluded?.includes(operation) !== true
  if (!isKnown) throw new AccessError('unknown_operation', `"${operation.slice(0, 80)}" of ${model} cannot be live, or the client excludes it.`)
}

function slicingOf(client: SlicedClient): Slicing {
  return (client.$options as { slicing?: Slicing }).slicing ?? {}
}

function checkSize(args: unknown, limits: ArgsLimits): void {
  // An explicit stack: a recursion would be what a deep argument is after.
  const stack: { value: unknown; depth: number }[] = [{ value: args, depth: 0 }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next
    if (typeof value === 'string' && value.length > limits.maxStringChars)
      throw tooLarge(`a string of ${value.length} characters`, 'maxStringChars', limits)
    if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) continue
    if (depth >= limits.maxArgsDepth) throw tooLarge(`nesting deeper than ${limits.maxArgsDepth}`, 'maxArgsDepth', limits)
    const isList = Array.isArray(value)
    if (isList && value.length > limits.maxListItems) throw tooLarge(`a list of ${value.length}`, 'maxListItems', limits)
    const keys = Object.keys(value)
    if (keys.length > limits.maxListItems) throw tooLarge(`${keys.length} members`, 'maxListItems', limits)
    for (const key of keys) {
      if (!isList && DANGEROUS.has(key)) throw new AccessError('bad_arguments', `Arguments hold a key "${key}".`)
      stack.push({ value: (value as Record<string, unknown>)[key], depth: depth + 1 })
    }
  }
}

function tooLarge(what: string, limit: keyof ArgsLimits, limits: ArgsLimits): AccessError {
  return new AccessError('too_large', `Arguments hold ${what}; ${limit} is ${limits[limit]}.`)
}
