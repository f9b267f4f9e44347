import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** Makes an empty database on the server of `serverUrl` and gives its URL. */
export async function createDatabase(serverUrl: string, options: { locale?: string } = {}): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const client = new pg.Client(serverUrl)
  await client.connect()
  try {
    const locale = options.locale === undefined ? '' : ` TEMPLATE template0 LOCALE '${options.locale}'`
    await client.query(`CREATE DATABASE "${name}"${locale}`)
  } finally {
    await client.end()
  }
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}
