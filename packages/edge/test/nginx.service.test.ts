import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@zenstack-live/testing'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openGet, openStream, wire } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const NOTES = wire('Note', 'findMany')
const CONFIGURATION = fileURLToPath(new URL('../../../apps/edge/nginx.conf', import.meta.url))

// Not every machine has it: then the configuration is not tested.
describe.skipIf(spawnSync('nginx', ['-v']).error !== undefined)('the example configuration of nginx', () => {
  let workspace: Workspace
  let running: RunningEdge
  let nginx: ChildProcess
  let base: string
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-nginx-'))

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace)
    const port = await freePort()
    base = `http://127.0.0.1:${port}/api/live`
    nginx = startNginx(directory, readFileSync(CONFIGURATION, 'utf8'), { port, edge: new URL(running.base).host })
    await vi.waitUntil(
      () =>
        fetch(base).then(
          () => true,
          () => false,
        ),
      { timeout: 30_000 },
    )
  })
  afterAll(async () => {
    nginx.kill()
    await running.close()
    await workspace.close()
    rmSync(directory, { recursive: true, force: true })
  })

  it('lets each change through at once, and a position resume', async () => {
    const stream = await openStream({ base, user: 'bob', queries: [NOTES] })
    await stream.until(() => stream.query(NOTES.q).isReady && (stream.lastEventId ?? '') !== '', 'ready', 30_000)
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'through nginx' } })
    await stream.until(() => stream.text.includes('through nginx'), 'the note', 30_000)
    stream.close()
    await vi.waitUntil(() => running.edge.metrics().connectionsNow === 0, { timeout: 30_000 })
    const first = await openGet({ base, user: 'bob', path: 'note/findMany' })
    await first.until(() => (first.lastEventId ?? '') !== '', 'an id', 30_000)
    first.close()
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'meanwhile' } })
    const back = await openGet({ base, user: 'bob', path: 'note/findMany', lastEventId: first.lastEventId ?? '' })
    await back.until(() => back.text.includes('meanwhile'), 'what was missed', 30_000)
    expect(back.frames.map((frame) => frame.event)).not.toContain('snapshot')
    back.close()
  })
})

function startNginx(directory: string, configuration: string, { port, edge }: { port: number; edge: string }): ChildProcess {
  const included = configuration.replace('listen 8080;', `listen 127.0.0.1:${port};`).replace('127.0.0.1:4000', edge)
  if (included.includes('8080') || included.includes(':4000')) throw new Error('The example names its ports otherwise than this test expects.')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`)
  writeFileSync(join(directory, 'live.conf'), included)
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${directory}/pid; error_log stderr;
     events {}
     http { access_log off; ${temporary.join(' ')} include ${directory}/live.conf; }`,
  )
  return spawn('nginx', ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'inherit'] })
}
