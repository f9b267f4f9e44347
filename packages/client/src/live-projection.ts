/** A projection to watch, as plain data. */
export interface LiveProjection<State> {
  /** The name under which the server registered it. */
  readonly projection: string
  readonly id: string
  /** Only for the compiler: what it shows. */
  readonly [stateType]?: State
}

declare const stateType: unique symbol

/** Names a projection in URLs: equal descriptors, equal texts. */
export function projectionPath({ projection, id }: LiveProjection<unknown>): string {
  return `${encodeURIComponent(projection)}/${encodeURIComponent(id)}`
}

/**
 * What a projection of this type shows in the browser: its state as JSON, so that a date is text. Takes what `defineProjection` or
 * `client.live(…)` of `@zenstack-live/event-sourcing` gives, a projection class, or the state itself.
 */
export type ProjectionView<Projection> = AsJson<StateOf<Projection>>

type StateOf<Projection> = Projection extends { open(): { watch(id: string): AsyncIterable<infer Frame> } }
  ? Frame extends { kind: 'snapshot'; state: infer State }
    ? State
    : never
  : Projection extends { initial(id: string): infer State }
    ? State
    : Projection extends abstract new (...args: never) => { asJson(): Promise<infer State> }
      ? State
      : Projection

/** A value after `JSON.parse(JSON.stringify(value))`. */
type AsJson<Value> = Value extends { toJSON(): infer Json }
  ? AsJson<Json>
  : Value extends (...args: never) => unknown
    ? never
    : Value extends object
      ? { [Key in keyof Value]: AsJson<Value[Key]> }
      : Value
