/** How an id-only block ends: an empty line. */
const END = '\n\n'

/**
 * The id-only block that ends a write. What comes before the scope is the same for all connections at one place and is made once;
 * the scope is what binds it to one of them.
 */
export interface IdBlock {
  /** From `id:` up to the scope. */
  readonly head: Buffer
  /** The scope: ASCII. */
  readonly scope: string
}

export const NO_ID: IdBlock = { head: Buffer.from('id: ', 'latin1'), scope: '' }

/** The block up to the scope, for all connections at a place. @param placeText - as positions name it */
export function idHead(placeText: string): Buffer {
  return Buffer.from(`id: ${placeText}.`, 'latin1')
}

/** A position as it came, to be repeated. */
export function idBlockOf(position: string): IdBlock {
  return { head: NO_ID.head, scope: position }
}

export function idBlockBytes({ head, scope }: IdBlock): Buffer {
  return Buffer.concat([head, Buffer.from(scope + END, 'latin1')])
}
