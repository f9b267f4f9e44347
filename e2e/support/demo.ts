import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from '@playwright/test'
import { freePort } from '@zenstack-live/testing'
import pg from 'pg'
import { startRecorder, type Recorder } from './recorder.ts'

const START = fileURLToPath(new URL('../../apps/demo/src/start.ts', import.meta.url))
const DROP_SLOT = `
  SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
  WHERE slot_name = 'zenstack_live' AND database = current_database()`

/** The demo as a process of its own, with a recorder in front of it. */
export interface Demo {
  /** Where browsers go: the recorder. */
  readonly url: string
  readonly recorder: Recorder
  /** Runs SQL as another program would, past the demo. */
  sql(text: string): Promise<void>
  /** Puts the sample data back, and forgets what was sent. */
  reset(): Promise<void>
  /** Starts it again after `kill`, on the same port and data. */
  start(): Promise<void>
  /** SIGKILL: nothing is said to anyone. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/**
 * @param siteDirectory - where `buildSite` put the page; without it each start builds its own
 * @param settings - further environment variables of the demo
 */
export async function startDemo(databaseUrl: string, redisUrl: string, siteDirectory?: string, settings: Record<string, string> = {}): Promise<Demo> {
  const port = await freePort()
  const dataDirectory = mkdtempSync(join(tmpdir(), 'zenstack-live-e2e-'))
  const recorder = await startRecorder(port)
  let child: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const site = siteDirectory === undefined ? {} : { DEMO_SITE: siteDirectory }
    const own = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PORT: String(port), DEMO_DATA: dataDirectory }
    const env = { ...process.env, ...own, ...site, ...settings }
    const started = spawn(process.execPath, ['--conditions=@zenstack-live/source', START], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    let log = ''
    await new Promise<void>((resolve, reject) => {
      const read = (text: string): void => {
        log += text
        if (/^ready http/m.test(log)) resolve()
      }
      started.stdout.setEncoding('utf8').on('data', read)
      started.stderr.setEncoding('utf8').on('data', (text: string) => {
        read(text)
        if (process.env['DEMO_LOG'] !== undefined) process.stderr.write(text)
      })
      started.once('exit', (code, signal) => reject(new Error(`The demo ended with ${code ?? signal} before it was ready:\n${log}`)))
    })
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()))
    running.kill(signal)
    await ended
  }

  const sql = async (text: string): Promise<void> => {
    const client = new pg.Client(databaseUrl)
    await client.connect()
    try {
      await client.query(text)
    } finally {
      await client.end()
    }
  }

  await start()
  return {
    url: recorder.url,
    recorder,
    async reset() {
      const response = await fetch(`http://localhost:${port}/api/reset`, { method: 'POST' })
      if (!response.ok) throw new Error(`The demo did not put its sample data back: ${response.status} ${await response.text()}`)
      recorder.forget()
    },
    start,
    kill: () => end('SIGKILL'),
    sql,
    async stop() {
      await end('SIGTERM')
      // A slot belongs to the whole server, and the next demo comes with a slot of the same name for its own database. It counts as in use
      // until the server has noticed that its reader is gone.
      await expect(() => sql(DROP_SLOT)).toPass({ timeout: 60_000 })
      await recorder.close()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}
