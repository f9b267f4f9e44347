import { CaptureError } from '../errors.ts'

/** Reads the fields of one message, in network byte order. Numbers are unsigned unless said otherwise. */
export class MessageReader {
  readonly buffer: Buffer
  offset: number

  constructor(buffer: Buffer, offset: number) {
    this.buffer = buffer
    this.offset = offset
  }

  byte(): number {
    const value = this.buffer.readUInt8(this.offset)
    this.offset += 1
    return value
  }

  int16(): number {
    const value = this.buffer.readInt16BE(this.offset)
    this.offset += 2
    return value
  }

  int32(): number {
    const value = this.buffer.readInt32BE(this.offset)
    this.offset += 4
    return value
  }

  uint32(): number {
    const value = this.buffer.readUInt32BE(this.offset)
    this.offset += 4
    return value
  }

  int64(): bigint {
    const value = this.buffer.readBigInt64BE(this.offset)
    this.offset += 8
    return value
  }

  uint64(): bigint {
    const value = this.buffer.readBigUInt64BE(this.offset)
    this.offset += 8
    return value
  }

  /** Text up to the next zero byte. */
  string(): string {
    const end = this.buffer.indexOf(0, this.offset)
    if (end < 0) throw new CaptureError('A message of pgoutput ends inside a name.')
    const value = this.buffer.toString('utf8', this.offset, end)
    this.offset = end + 1
    return value
  }

  bytes(length: number): Buffer {
    const value = this.buffer.subarray(this.offset, this.offset + length)
    this.offset += length
    return value
  }
}
