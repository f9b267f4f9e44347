import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { runWorkers } from '../../src/run-workers.ts'

/*
 * A supervisor whose worker dies while no process can be begun in its place, told with a line each of what it does.
 */

const tell = (line: string): void => void process.stdout.write(`${line}\n`)

if (cluster.isPrimary) {
  const ended = new AbortController()
  process.once('SIGTERM', () => ended.abort())
  const onListening = (): void => {
    process.execPath = '/nowhere/node'
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
  }
  await runWorkers({ count: 1, signal: ended.signal, numberVariable: 'WORKER', note: tell, onListening })
} else createServer().listen(0, '127.0.0.1')
