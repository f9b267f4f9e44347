import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A browser of its own, whose pages are really hidden when another tab is in front: under Playwright every page counts as visible, and its timers are never held back. */
export interface BackgroundBrowser {
  /** Opens a tab in front of the others. */
  open(url: string): Promise<Tab>
  close(): Promise<void>
}

export interface Tab {
  /** Puts it in front of the others. */
  show(): Promise<void>
  /** What an expression is there; a promise is awaited. */
  evaluate(expression: string): Promise<unknown>
}

export async function startBackgroundBrowser(executable: string, args: readonly string[]): Promise<BackgroundBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'zenstack-live-background-'))
  const own = [
    '--headless=new',
    '--no-first-run',
    '--disable-dev-shm-usage',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
    'about:blank',
  ]
  const child = spawn(executable, [...args, ...own], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const address = await new Promise<string>((resolve, reject) => {
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      const found = /DevTools listening on (ws:\S+)/.exec(log)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('exit', () => reject(new Error(`The browser ended before it was ready:\n${log}`)))
  })
  const send = await connect(address)
  return {
    async open(url) {
      const { targetId } = (await send('Target.createTarget', { url })) as { targetId: string }
      const { sessionId } = (await send('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string }
      return {
        show: async () => void (await send('Target.activateTarget', { targetId })),
        evaluate: async (expression) => {
          const answer = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }, sessionId)
          const { result, exceptionDetails } = answer as { result: { value: unknown }; exceptionDetails?: unknown }
          if (exceptionDetails !== undefined) throw new Error(`${expression} threw ${JSON.stringify(exceptionDetails)}`)
          return result.value
        },
      }
    },
    async close() {
      // It may end before it answers.
      void send('Browser.close').catch(() => child.kill('SIGKILL'))
      await ended
      rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

type Send = (method: string, params?: object, sessionId?: string) => Promise<unknown>

async function connect(address: string): Promise<Send> {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const waiting = new Map<number, (answer: { result?: unknown; error?: unknown }) => void>()
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: unknown }
    waiting.get(answer.id ?? 0)?.(answer)
    waiting.delete(answer.id ?? 0)
  })
  let last = 0
  return (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      const id = ++last
      waiting.set(id, ({ result, error }) => (error === undefined ? resolve(result) : reject(new Error(`${method}: ${JSON.stringify(error)}`))))
      socket.send(JSON.stringify({ id, method, params, sessionId }))
    })
}
