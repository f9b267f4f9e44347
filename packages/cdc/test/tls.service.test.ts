import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectCapture } from '@zenstack-live/cdc'
import { SELF_SIGNED, SELF_SIGNED_ELSEWHERE, startPostgres, type PostgresServer } from '@zenstack-live/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { eventually } from './support/eventually.ts'
import { events } from './support/events.ts'

let server: PostgresServer
let directory: string
/** The server's database, over TLS as these parameters have it. */
const over = (parameters: Record<string, string>): string => `${server.url}?${new URLSearchParams(parameters).toString()}`
const authority = (name: 'ours' | 'foreign' | 'missing'): string => join(directory, `${name}.pem`)

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-tls-'))
  writeFileSync(authority('ours'), SELF_SIGNED.cert)
  writeFileSync(authority('foreign'), SELF_SIGNED_ELSEWHERE.cert)
  server = await startPostgres()
  await server.shutDown()
  // Nobody gets in without TLS.
  writeFileSync(join(server.directory, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 trust\n')
})
beforeEach(() => serveAs(SELF_SIGNED))
afterAll(async () => {
  await server.stop()
  rmSync(directory, { recursive: true })
})

/** Gives the server this certificate. It takes a key only from its owner. */
async function serveAs({ cert, key }: { cert: string; key: string }): Promise<void> {
  const { uid, gid } = statSync(server.directory)
  for (const [name, text] of Object.entries({ 'server.crt': cert, 'server.key': key })) {
    const path = join(server.directory, name)
    writeFileSync(path, text, { mode: 0o600 })
    chownSync(path, uid, gid)
  }
  await server.shutDown()
  await server.start({ ssl: 'on' })
}

describe('a capture over TLS', () => {
  it.each(['require', 'verify-full'])('reads with sslmode=%s from a server whose authority it is given', async (sslmode) => {
    const url = over({ sslmode, sslrootcert: authority('ours') })
    const fixture: CaptureFixture = await captureFixture(url, 'CREATE TABLE task (id int PRIMARY KEY, title text)', ['task'])
    try {
      const capture = fixture.start()
      // Longer than a record of TLS and than the buffers of a socket.
      await fixture.sql(`INSERT INTO task SELECT i, repeat(md5(i::text), 1000) FROM generate_series(1, 40) i`)
      await capture.caughtUp()
      expect(events(fixture.sink.entries).map(({ key }) => key)).toEqual(Array.from({ length: 40 }, (_, index) => ({ id: index + 1 })))
      const senders = await fixture.sql('SELECT ssl FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)')
      expect(senders).toEqual([{ ssl: true }])
    } finally {
      await fixture.close()
    }
  })

  it('reads without looking at the certificate where it is told so', async () => {
    expect((await inspect(over({ sslmode: 'no-verify' }))).server).toMatchObject({ walLevel: 'logical' })
  })

  it.each([
    ['by an authority it does not know', () => ({ sslmode: 'verify-full' }), /certificate/, /sslrootcert=/],
    ['by another authority than the one given', () => ({ sslmode: 'verify-full', sslrootcert: authority('foreign') }), /certificate/, /sslrootcert=/],
    ['by one that is not where it is said to be', () => ({ sslmode: 'require', sslrootcert: authority('missing') }), /missing\.pem/, /sslrootcert/],
  ])('says what to do where the server is vouched for %s', async (_what, parameters, message, cure) => {
    const { problems } = await inspect(over(parameters()))
    expect(problems).toEqual([
      { kind: 'unreachable', severity: 'error', message: expect.stringMatching(message) as string, cure: expect.stringMatching(cure) as string },
    ])
  })

  it('says what to do where the certificate is for another host', async () => {
    await serveAs(SELF_SIGNED_ELSEWHERE)
    const { problems } = await inspect(over({ sslmode: 'verify-full', sslrootcert: authority('foreign') }))
    expect(problems).toMatchObject([
      { message: expect.stringContaining('127.0.0.1 is not in') as string, cure: expect.stringMatching(/host name/) as string },
    ])
  })

  it('says what to do where the server takes nobody without TLS', async () => {
    const { problems } = await inspect(server.url)
    expect(problems).toMatchObject([
      { message: expect.stringContaining('no encryption') as string, cure: expect.stringContaining('sslmode=') as string },
    ])
  })

  it('says what to do where the server has no TLS', async () => {
    const plain = await startPostgres()
    try {
      const { problems } = await inspect(`${plain.url}?sslmode=verify-full`)
      expect(problems).toMatchObject([
        { message: expect.stringContaining('SSL') as string, cure: expect.stringContaining('sslmode=disable') as string },
      ])
    } finally {
      await plain.stop()
    }
  })

  it('says why it cannot begin, and begins when it can', async () => {
    const url = over({ sslmode: 'verify-full', sslrootcert: authority('ours') })
    const fixture = await captureFixture(url, 'CREATE TABLE task (id int PRIMARY KEY, title text)', ['task'])
    try {
      await serveAs(SELF_SIGNED_ELSEWHERE)
      const capture = fixture.start()
      await eventually(() =>
        expect(capture.state).toMatchObject({ kind: 'failing', error: { message: expect.stringContaining('sslrootcert=') as string } }),
      )
      await serveAs(SELF_SIGNED)
      await eventually(() => expect(capture.state.kind).toBe('leading'))
    } finally {
      await fixture.close()
    }
  })
})

const inspect = (url: string): ReturnType<typeof inspectCapture> => inspectCapture({ url, slot: 'tls', publication: 'tls', tables: [] })
