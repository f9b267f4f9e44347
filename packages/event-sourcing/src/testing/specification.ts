import { isDeepStrictEqual } from 'node:util'
import { foldModel, foldModels, type AnyEventInput, type Decider, type Models } from '../decider.ts'
import type { Projection } from '../define-projection.ts'
import type { StoredEvent } from '../store.ts'

/** What a specification is told: events as they are written. */
type Given = AnyEventInput & { readonly id?: string | undefined; readonly createdAt?: Date | undefined }
type ErrorClass = abstract new (...args: never[]) => Error
type Expected = ErrorClass | string | RegExp | ((error: unknown) => boolean)

export interface DecisionOutcome<Input extends AnyEventInput> {
  /** @throws {Error} when other events were decided; shows both. */
  then(...events: readonly Pick<Input, 'type' | 'data'>[]): void
  /** @throws {Error} when events were decided. */
  thenNothing(): void
  /** @throws {Error} when nothing, or something else, was thrown. */
  thenThrows(expected?: Expected): void
  /** What was decided, for assertions of your own. */
  readonly events: readonly Input[]
}

export interface DecisionSpecification<Command, Input extends AnyEventInput> {
  given(...events: readonly Given[]): DecisionSpecification<Command, Input>
  when(command: Command): DecisionOutcome<Input>
}

/**
 * Given events, when a command, then these events: without a database and without a clock.
 *
 * @example
 * spec(checkOut).given({ type: 'CartCreated', data: { cartId: 'a', userId: 'u' } }).when({ cartId: 'a' }).then({ type: 'CheckedOut', data: { cartId: 'a' } })
 */
export function spec<Command, M extends Models, Input extends AnyEventInput>(
  decider: Decider<Command, M, Input>,
  history: readonly Given[] = [],
): DecisionSpecification<Command, Input> {
  return {
    given: (...events) => spec(decider, [...history, ...events]),
    when(command) {
      const states = foldModels(decider.models(command), storedEvents(history), (event) => event)
      try {
        const decided = decider.decide(states, command)
        return outcomeOf(isList(decided) ? decided : [decided])
      } catch (error) {
        return refusalOf(error)
      }
    },
  }
}

export interface ProjectionSpecification<State> {
  given(...events: readonly Given[]): ProjectionSpecification<State>
  /** @throws {Error} when the state is another; shows both. */
  then(id: string, expected: State): void
  state(id: string): State
}

/** Given events, then this state. */
export function projectionSpec<State>(projection: Projection<State, never>, history: readonly Given[] = []): ProjectionSpecification<State> {
  const state = (id: string): State => foldModel(projection.for(id), storedEvents(history), (event) => event)
  return {
    given: (...events) => projectionSpec(projection, [...history, ...events]),
    state,
    // oxlint-disable-next-line unicorn/no-thenable -- given, when, then is what the words are
    then(id, expected) {
      const actual: unknown = JSON.parse(JSON.stringify(state(id)))
      if (!isDeepStrictEqual(actual, JSON.parse(JSON.stringify(expected))))
        throw new Error(`Projection "${projection.name}" of "${id}" is\n${show(actual)}\nnot\n${show(expected)}`)
    },
  }
}

function storedEvents(history: readonly Given[]): StoredEvent[] {
  return history.map(({ id, type, data, createdAt = new Date(0) }, index) => ({
    id: id ?? `given-${index + 1}`,
    position: index + 1,
    type,
    data,
    metadata: null,
    schemaVersion: 1,
    createdAt,
    updatedAt: createdAt,
  }))
}

function outcomeOf<Input extends AnyEventInput>(events: readonly Input[]): DecisionOutcome<Input> {
  const plain = events.map(({ type, data }): unknown => JSON.parse(JSON.stringify({ type, data })))
  return {
    events,
    // oxlint-disable-next-line unicorn/no-thenable -- given, when, then is what the words are
    then(...expected) {
      const wanted = expected.map(({ type, data }): unknown => JSON.parse(JSON.stringify({ type, data })))
      if (!isDeepStrictEqual(plain, wanted)) throw new Error(`The decision was\n${show(plain)}\nnot\n${show(wanted)}`)
    },
    thenNothing() {
      if (events.length > 0) throw new Error(`The decision was\n${show(plain)}\nnot nothing.`)
    },
    thenThrows() {
      throw new Error(`The command was accepted:\n${show(plain)}`)
    },
  }
}

function refusalOf<Input extends AnyEventInput>(error: unknown): DecisionOutcome<Input> {
  const rethrow = (): never => {
    throw error
  }
  return {
    get events(): readonly Input[] {
      return rethrow()
    },
    // oxlint-disable-next-line unicorn/no-thenable -- given, when, then is what the words are
    then: rethrow,
    thenNothing: rethrow,
    thenThrows(expected) {
      if (expected === undefined || isExpected(error, expected)) return
      throw new Error(`The command was refused with ${String(error)}, not as expected.`, { cause: error })
    },
  }
}

function isExpected(error: unknown, expected: Expected): boolean {
  const message = error instanceof Error ? error.message : String(error)
  if (typeof expected === 'string') return message.includes(expected)
  if (expected instanceof RegExp) return expected.test(message)
  return isErrorClass(expected) ? error instanceof expected : expected(error)
}

function isErrorClass(expected: ErrorClass | ((error: unknown) => boolean)): expected is ErrorClass {
  return expected === Error || expected.prototype instanceof Error
}

function show(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}
