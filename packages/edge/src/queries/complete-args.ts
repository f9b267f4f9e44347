import type { DataModel, Model } from '@zenstack-live/model'
import { LiveError, type LiveOperation } from '@zenstack-live/protocol'
import { isOmitted } from './omitted-field.ts'

type Args = Record<string, unknown>

/** What is asked of the database instead of what the reader asked. */
export interface CompletedArgs {
  args: unknown
  /** Fields that were added to make the row's key, and are taken out of the answer again. */
  hiddenFields: ReadonlySet<string>
}

interface CompleteOptions {
  readonly model: Model
  readonly operation: LiveOperation
  readonly args: unknown
  readonly clientOptions: object
  readonly maxRows: number
  /** The policies let everybody read the id, so that rows are told apart by it. */
  readonly isKeyReadable: boolean
}

/**
 * The same question with every order made total by the primary key, the id fields in the answer, and no more rows, groups or rows
 * of a list than one beyond the limit. Two answers of an unchanged database are then equal to the letter.
 *
 * @throws {LiveError} `not_live` when the id cannot be asked for
 */
export function completeArgs(data: DataModel, options: CompleteOptions): CompletedArgs {
  const { model, operation, maxRows } = options
  const args: Args = isArgs(options.args) ? { ...options.args } : {}
  if (operation === 'groupBy') {
    const by = asList(args['by']).filter((field): field is string => typeof field === 'string')
    return { args: { ...args, orderBy: completeOrder(args['orderBy'], by), take: boundedTake(args['take'], maxRows) }, hiddenFields: new Set() }
  }
  if (operation === 'exists' || (operation !== 'findUnique' && operation !== 'findFirst' && operation !== 'findMany')) {
    const hasWindow = args['take'] !== undefined || args['skip'] !== undefined || args['cursor'] !== undefined
    return { args: hasWindow ? { ...args, orderBy: completeOrder(args['orderBy'], model.idFields) } : options.args, hiddenFields: new Set() }
  }
  const { args: withIds, hiddenFields } = withIdFields(model, args, options)
  const nested = completeNested({ data, maxRows }, model, withIds)
  if (operation === 'findUnique') return { args: nested, hiddenFields }
  const distinct = asList(args['distinct']).filter((field): field is string => typeof field === 'string')
  // DISTINCT ON wants its fields first.
  const order = completeOrder(args['orderBy'], args['orderBy'] === undefined ? [...distinct, ...model.idFields] : model.idFields)
  const ordered = { ...nested, orderBy: order }
  return { args: operation === 'findMany' ? { ...ordered, take: boundedTake(args['take'], maxRows) } : ordered, hiddenFields }
}

function boundedTake(take: unknown, maxRows: number): number {
  if (typeof take !== 'number') return maxRows + 1
  return Math.sign(take) * Math.min(Math.abs(take), maxRows + 1)
}

function completeOrder(orderBy: unknown, fields: readonly string[]): unknown[] {
  const given = asList(orderBy)
  // A field without a value orders nothing.
  const named = new Set(given.flatMap((item) => (isArgs(item) ? Object.keys(item).filter((name) => item[name] !== undefined) : [])))
  return [...given, ...[...new Set(fields)].filter((field) => !named.has(field)).map((field) => ({ [field]: 'asc' }))]
}

/** What the options leave out may be forbidden to ask for. What only the query leaves out never is: it is asked without that. */
function withIdFields(model: Model, args: Args, { clientOptions, isKeyReadable }: CompleteOptions): { args: Args; hiddenFields: Set<string> } {
  const { select, omit } = args
  const isFree = Reflect.get(clientOptions, 'allowQueryTimeOmitOverride') !== false
  const isLeftOut = (name: string): boolean => (isArgs(select) ? select[name] !== true : isOmitted(model, name, { omit, clientOptions }))
  const hiddenFields = new Set(model.idFields.filter(isLeftOut))
  if (hiddenFields.size === 0) return { args, hiddenFields }
  const withheld = isFree ? [] : [...hiddenFields].filter((name) => isOmitted(model, name, { clientOptions }))
  if (withheld.length > 0 && isKeyReadable) throw keyWithheld(model, withheld)
  // Its rows are told apart by their content.
  if (withheld.length > 0) return { args, hiddenFields: new Set() }
  if (isArgs(select)) return { args: { ...args, select: { ...select, ...allOf(hiddenFields, true) } }, hiddenFields }
  const kept = isArgs(omit) ? omit : {}
  const asked = isFree
    ? { ...kept, ...allOf(hiddenFields, false) }
    : Object.fromEntries(Object.entries(kept).filter(([name]) => !hiddenFields.has(name)))
  return { args: { ...args, omit: asked }, hiddenFields }
}

/** What is said where the client's options leave out a part of the id and forbid to ask for it. */
export function keyWithheld(model: Model, fields: readonly string[]): LiveError {
  const names = fields.map((name) => `"${name}"`).join(', ')
  return new LiveError(
    'not_live',
    `Rows of ${model.name} cannot be told apart: the client's \`omit\`, or \`@omit\` in the schema, leaves out ${names} of their id, and ` +
      '`allowQueryTimeOmitOverride: false` forbids to ask for it. Do not omit the id in the options of the client that getClient returns, or allow the override: ' +
      'where a query leaves the id out, readers get a keyed hash in its place.',
  )
}

interface Nesting {
  data: DataModel
  maxRows: number
}

/** Lists below the top get a total order and an end too: without one, two equal databases may answer differently, or with millions of rows. */
function completeNested(of: Nesting, model: Model, args: Args): Args {
  const completed: Args = { ...args }
  for (const part of ['include', 'select'] as const) {
    const chosen = args[part]
    if (!isArgs(chosen)) continue
    completed[part] = Object.fromEntries(Object.entries(chosen).map(([name, value]) => [name, completeRelation(of, model, name, value)]))
  }
  return completed
}

function completeRelation(of: Nesting, model: Model, name: string, value: unknown): unknown {
  const relation = model.relations.get(name)
  const related = relation === undefined ? undefined : of.data.models.get(relation.model)
  if (relation === undefined || related === undefined || value === false || value === undefined) return value
  const nested = completeNested(of, related, isArgs(value) ? value : {})
  if (!relation.isList) return isArgs(value) ? nested : value
  return { ...nested, orderBy: completeOrder(nested['orderBy'], related.idFields), take: boundedTake(nested['take'], of.maxRows) }
}

function allOf(fields: Iterable<string>, value: boolean): Record<string, boolean> {
  return Object.fromEntries([...fields].map((field) => [field, value]))
}

function asList(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

function isArgs(value: unknown): value is Args {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
