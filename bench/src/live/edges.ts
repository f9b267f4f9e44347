import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ChangeLog } from '@zenstack-live/change-log'
import { createEdge, type EdgeOptions } from '@zenstack-live/edge'
import { cacheDirectory, freePort, heldLog } from '@zenstack-live/testing'
import type { EdgeJob } from './edge-process.ts'
import { portOf, serveEdge } from './serve-edge.ts'
import { SECRET, type Studio } from './studio.ts'

/** How long pages of the log wait for an edge, in turn: answers of the database are often ahead of what is near. */
const LAGS_MS = [0, 0, 5, 0, 40, 0, 15, 0]

/** One edge and its server, however it runs. */
export interface FuzzedEdge {
  readonly base: string
  /** Ends all its connections, as a broken network does. */
  cut(): void
  /** Ends it and starts another in its place, on the same port. */
  restart(): Promise<void>
  close(): Promise<void>
}

export async function edgeInProcess(
  log: ChangeLog,
  url: string,
  studio: Studio,
  options: Partial<EdgeOptions> & Pick<EdgeOptions, 'schema'>,
): Promise<FuzzedEdge> {
  const make = () => createEdge({ log: lagging(log), database: { url }, secret: SECRET, ...options })
  let edge = await make()
  const server = await serveEdge(() => edge, studio)
  return {
    base: `http://127.0.0.1:${portOf(server)}/api/live`,
    cut: () => server.closeAllConnections(),
    async restart() {
      const old = edge
      edge = await make()
      server.closeAllConnections()
      await old.close()
    },
    async close() {
      await edge.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

function lagging(log: ChangeLog): ChangeLog {
  let pages = 0
  return heldLog(log, () => sleep(LAGS_MS[pages++ % LAGS_MS.length]))
}

/** A process that is killed without a word. */
export async function edgeOfItsOwn(job: Omit<EdgeJob, 'port'>): Promise<FuzzedEdge> {
  const port = await freePort()
  const start = (): Promise<ChildProcess> => startProcess({ ...job, port })
  let child = await start()
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const isGone = once(child, 'exit')
    child.kill('SIGKILL')
    await isGone
  }
  const restart = async (): Promise<void> => {
    await kill()
    child = await start()
  }
  return { base: `http://127.0.0.1:${port}/api/live`, cut: () => void child.kill('SIGKILL'), restart, close: kill }
}

async function startProcess(job: EdgeJob): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('edge-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@zenstack-live/source', file, JSON.stringify(job)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(cacheDirectory(), 'node') },
  })
  const isUp = once(child, 'message')
  const isGone = once(child, 'exit').then(() => Promise.reject(new Error('An edge of its own ended before it was up.')))
  await Promise.race([isUp, isGone])
  isGone.catch(() => {})
  return child
}
