import { UsageError } from './parse-options.ts'

/** @throws {UsageError} */
export function readPort(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError(`"${text}" is not a port. Give a number from 0 to 65535.`)
  return port
}
