import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve, type ServerType } from '@hono/node-server'
import { setUpCapture, startCapture, type Capture } from '@zenstack-live/cdc'
import { openEmbeddedLog, openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import {
  createEdge,
  createHonoLiveHandler,
  type Edge,
  type EdgeOptions,
  type HonoAccessTickets,
  type HonoLiveHandlerOptions,
} from '@zenstack-live/edge'
import { heldLog } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { Hono } from 'hono'
import { vi } from 'vitest'
import type { Workspace } from './workspace.ts'

export interface RunningEdge {
  edge: Edge
  log: ChangeLog
  /** Base of the live routes, such as `http://127.0.0.1:1234/api/live`. */
  base: string
  app: Hono
  readonly publication: string
  /** Resolves when the log has all that was committed. */
  caughtUp(): Promise<void>
  /** Ends the capture, and starts another behind what happens meanwhile: its slot is lost, so the log goes on in a new epoch. */
  loseSlot(meanwhile: () => Promise<unknown>): Promise<void>
  /** Ends the edge and its server, and starts others on the same log. */
  restart(options?: Partial<EdgeOptions>): Promise<void>
  close(): Promise<void>
}

export const SECRET = 'a secret that only the tests know'

const TABLES = ['User', 'Space', 'Member', 'Task', 'Comment', 'Note']

/** Real capture, real log, a real server: everything but the browser. */
export async function startEdge(
  workspace: Pick<Workspace, 'url' | 'sql' | 'as'>,
  options: Partial<EdgeOptions> & {
    redisUrl?: string
    /** The edge sees a page of the log only when this has resolved. */
    holdLog?: () => Promise<void>
    getClient?: HonoLiveHandlerOptions['getClient']
    accessTickets?: HonoAccessTickets
    mount?: (app: Hono) => void
    tables?: readonly string[]
    /** How often the capture looks at the catalog. */
    reconcileIntervalMs?: number
  } = {},
): Promise<RunningEdge> {
  const { redisUrl, getClient, accessTickets, mount, holdLog, tables: names = TABLES, reconcileIntervalMs, ...edgeOptions } = options
  const tables = names.map((table) => ({ schema: 'public', name: table }))
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-edge-'))
  const name = `test:${directory.slice(-6)}`
  const log = redisUrl === undefined ? await openEmbeddedLog({ directory }) : await openRedisLog({ url: redisUrl, name })
  const slot = `edge_${directory
    .slice(-6)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '_')}`
  const beginCapture = async (): Promise<Capture> => {
    await setUpCapture({ url: workspace.url, tables, slot, publication: slot })
    const begun = startCapture({
      url: workspace.url,
      tables,
      slot,
      publication: slot,
      sink: sinkOf(log),
      limits: reconcileIntervalMs === undefined ? {} : { reconcileIntervalMs },
    })
    await begun.caughtUp()
    return begun
  }
  let capture = await beginCapture()

  const make = (extra: Partial<EdgeOptions>) =>
    createEdge({
      schema,
      log: holdLog === undefined ? log : heldLog(log, holdLog),
      database: { url: workspace.url },
      secret: SECRET,
      publication: slot,
      ...edgeOptions,
      ...extra,
    })
  let edge = await make({})
  const app = new Hono()
  mount?.(app)
  const live = { edge: async () => edge }
  app.use(
    '/api/live/*',
    createHonoLiveHandler({
      live,
      getClient: getClient ?? ((c) => clientOfHeader(workspace, c.req.header('x-user') ?? c.req.query('user'))),
      ...(accessTickets === undefined ? {} : { accessTickets }),
    }),
  )
  let server = await listen(app)

  const running: RunningEdge = {
    get edge() {
      return edge
    },
    log,
    base: server.base,
    app,
    publication: slot,
    caughtUp: () => capture.caughtUp(),
    async loseSlot(meanwhile) {
      await capture.close()
      // It counts as in use until the server has noticed that its reader is gone.
      await vi.waitFor(() => workspace.sql('SELECT pg_drop_replication_slot($1)', [slot]), { timeout: 60_000 })
      await meanwhile()
      capture = await beginCapture()
    },
    async restart(extra = {}) {
      await edge.close()
      await server.stop()
      edge = await make(extra)
      server = await listen(app)
      running.base = server.base
    },
    async close() {
      await edge.close()
      await server.stop()
      await capture.close()
      await log.close()
      rmSync(directory, { recursive: true, force: true })
      await workspace.sql('SELECT pg_drop_replication_slot($1)', [slot]).catch(() => {})
    },
  }
  return running
}

/** `ann:MANAGER`, `bob`, or nobody. */
export function clientOfHeader(workspace: Pick<Workspace, 'as'>, header: string | undefined): ReturnType<Workspace['as']> {
  if (header === undefined) return workspace.as(undefined)
  const [id = '', role] = header.split(':')
  return workspace.as({ id, ...(role === 'MANAGER' ? { role } : {}) })
}

function sinkOf(log: ChangeLog): Parameters<typeof startCapture>[0]['sink'] {
  return {
    async state() {
      const { epoch, newestLsn } = await log.state()
      return { epoch, lsn: newestLsn, memory: await log.notes.get('capture') }
    },
    write: (batches) => log.append(batches),
    remember: (text) => log.notes.set('capture', text),
  }
}

async function listen(app: Hono): Promise<{ base: string; stop(): Promise<void> }> {
  let server: ServerType | undefined
  const port = await new Promise<number>((resolve) => {
    server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info) => resolve(info.port))
  })
  return {
    base: `http://127.0.0.1:${port}/api/live`,
    stop: () =>
      new Promise((resolve) => {
        if (server !== undefined && 'closeAllConnections' in server) server.closeAllConnections()
        server?.close(() => resolve())
      }),
  }
}
