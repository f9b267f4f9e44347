/** The part of a ZenStack client that filters ask: one delegate per model, named with a small first letter. */
export interface StreamClient {
  readonly $schema: unknown
  readonly $options: unknown
  /** A client without plugins: a backend stream is not bound by policies. */
  $unuseAll(): unknown
}

interface Delegate {
  findFirst(args: { where: unknown; select: Record<string, true> }): Promise<unknown>
}

/** Asks whether a row of the model matches, in the database as it is now. */
export type RowExists = (model: string, where: unknown, idFields: readonly string[]) => Promise<boolean>

export function createRowExists(client: StreamClient): RowExists {
  // ZenStack makes the delegates from the schema; their names are its models.
  const delegates = client.$unuseAll() as Record<string, Delegate | undefined>
  return async (model, where, idFields) => {
    const delegate = delegates[model.charAt(0).toLowerCase() + model.slice(1)]
    if (delegate === undefined) throw new TypeError(`The client has no model "${model}".`)
    const select = Object.fromEntries(idFields.map((name) => [name, true as const]))
    return (await delegate.findFirst({ where, select })) !== null
  }
}
