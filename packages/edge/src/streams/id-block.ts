import { joinOctets, octetsOf, type Octets } from './octets.ts'

/** How an id-only block ends: an empty line. */
const END = octetsOf('\n\n')

/**
 * The id-only block that ends a write. What comes before the scope is the same for all connections at one place and is made once;
 * the scope is what binds it to one of them.
 */
export interface IdBlock {
  /** From `id:` up to the scope. */
  readonly idHead: Octets
  /** The scope: ASCII. */
  readonly idScope: Octets
}

export const NO_ID: IdBlock = { idHead: octetsOf('id: '), idScope: octetsOf('') }

/** The block up to the scope, for all connections at a place. @param placeText - as positions name it */
export function idHead(placeText: string): Octets {
  return octetsOf(`id: ${placeText}.`)
}

/** A position as it came, to be repeated. */
export function idBlockOf(position: string): IdBlock {
  return { idHead: NO_ID.idHead, idScope: octetsOf(position) }
}

export function idBlockOctets(id: IdBlock): Octets {
  return joinOctets(id.idHead, id.idScope, END)
}
