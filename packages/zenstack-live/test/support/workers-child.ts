import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { runWorkers } from '../../src/run-workers.ts'

/*
 * A supervisor with one worker, told with a line each of what it does. The first worker is not there before it is told to end, and is gone then.
 */

const tell = (line: string): void => void process.stdout.write(`${line}\n`)

if (cluster.isPrimary) {
  const ended = new AbortController()
  process.once('SIGTERM', () => ended.abort())
  cluster.once('online', () => tell('begun'))
  await runWorkers({ count: 1, signal: ended.signal, numberVariable: 'WORKER', note: tell, onListening: () => tell('listening') })
} else if (cluster.worker?.id === 1) setInterval(() => {}, 60_000)
else createServer().listen(0, '127.0.0.1')
