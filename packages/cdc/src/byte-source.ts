/** Bytes with a view of them, by which four are read at once. */
export interface ByteSource {
  readonly bytes: Uint8Array
  readonly view: DataView
}

export function byteSource(bytes: Uint8Array): ByteSource {
  return { bytes, view: viewOf(bytes) }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
