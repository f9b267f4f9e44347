declare const KIND: unique symbol

/**
 * Bytes as text, a character for each. Node writes short text to a socket from its own stack: no buffer is made for each of thousands
 * of connections, and none has to be collected.
 */
export type Octets = string & { readonly [KIND]: 'octets' }

/** The text in UTF-8. */
export function octetsOf(text: string): Octets {
  // Text of ASCII alone is its own UTF-8.
  if (Buffer.byteLength(text, 'utf8') === text.length) return text as Octets
  return Buffer.from(text, 'utf8').toString('latin1') as Octets
}

/** One after another, as one flat string. */
export function joinOctets(...parts: readonly Octets[]): Octets {
  return parts.join('') as Octets
}

/** For whoever takes bytes only. */
export function bytesOf(octets: Octets): Buffer {
  return Buffer.from(octets, 'latin1')
}
