import { joinOctets, octetsOf, type Octets } from './octets.ts'

/** How an id-only block ends: an empty line. */
const END = octetsOf('\n\n')

/**
 * The id-only block that ends a write. What comes before the scope is the same for all connections at one place and is made once;
 * the scope is what binds it to one of them.
 */
export interface IdBlock {
  /** From `id:` up to the scope. */
  readonly head: Octets
  /** The scope: ASCII. */
  readonly scope: Octets
}

export const NO_ID: IdBlock = { head: octetsOf('id: '), scope: octetsOf('') }

/** The block up to the scope, for all connections at a place. @param placeText - as positions name it */
export function idHead(placeText: string): Octets {
  return octetsOf(`id: ${placeText}.`)
}

/** A position as it came, to be repeated. */
export function idBlockOf(position: string): IdBlock {
  return { head: NO_ID.head, scope: octetsOf(position) }
}

export function idBlockOctets({ head, scope }: IdBlock): Octets {
  return joinOctets(head, scope, END)
}
