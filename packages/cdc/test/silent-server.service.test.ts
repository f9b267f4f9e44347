import { expect, inject, it } from 'vitest'
import { captureFixture } from './support/capture-fixture.ts'
import { events } from './support/events.ts'
import { eventually } from './support/eventually.ts'
import { openTcpProxy } from './support/tcp-proxy.ts'

it('opens another connection where the stream falls silent without an end, and loses nothing', async () => {
  const fixture = await captureFixture(inject('postgresUrl'), 'CREATE TABLE task (id int PRIMARY KEY)', ['task'])
  const { sql, sink, start } = fixture
  const proxy = await openTcpProxy(fixture.url)
  const failures: string[] = []
  const capture = start({
    url: proxy.url,
    // Postgres gives the slot free after the lease.
    limits: { serverTimeoutMs: 1_500, leaseMs: 1_000 },
    onState: (state) => state.kind === 'failing' && failures.push(state.error.message),
  })
  await sql('INSERT INTO task VALUES (1)')
  await capture.caughtUp()
  // A quiet server is heard, too.
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  expect(failures).toEqual([])
  const [, stream] = proxy.sockets
  proxy.silence(stream)
  await sql('INSERT INTO task VALUES (2)')
  await eventually(() => expect(events(sink.entries).map(({ key }) => key)).toEqual([{ id: 1 }, { id: 2 }]))
  expect(failures[0]).toContain('serverTimeoutMs')
  await fixture.close()
  proxy.close()
})
