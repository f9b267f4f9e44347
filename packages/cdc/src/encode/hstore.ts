const PAIR = /"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)/gs

/** The text of an hstore as a string of JSON. @see https://www.postgresql.org/docs/current/hstore.html */
export function encodeHstore(text: string): string {
  const pairs = Array.from(
    text.matchAll(PAIR),
    ([, key = '', value]) => `${JSON.stringify(unescape(key))}:${value === undefined ? 'null' : JSON.stringify(unescape(value))}`,
  )
  return JSON.stringify(`{${pairs.join(',')}}`)
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/gs, '$1')
}
