/** A point as Debezium's geometry struct: coordinates, and the same as well-known binary. */
export function encodePoint(text: string): string {
  const [x = 0, y = 0] = text.slice(1, -1).split(',').map(Number)
  const wkb = Buffer.alloc(21)
  wkb.writeUInt8(1, 0) // little endian
  wkb.writeUInt32LE(1, 1) // a point
  wkb.writeDoubleLE(x, 5)
  wkb.writeDoubleLE(y, 13)
  return `{"x":${coordinate(x)},"y":${coordinate(y)},"wkb":"${wkb.toString('base64')}","srid":null}`
}

function coordinate(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`
}
