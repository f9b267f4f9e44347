import { LiveError, type Limits } from '@zenstack-live/protocol'

/** @throws {LiveError} `too_large` where the text, as UTF-8, is longer than `maxQueryBytes` */
export function checkQueryBytes(text: string, { maxQueryBytes }: Limits): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxQueryBytes) throw new LiveError('too_large', `A query has ${bytes} bytes; maxQueryBytes is ${maxQueryBytes}.`)
}
