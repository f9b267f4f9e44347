#!/usr/bin/env node
import cluster from 'node:cluster'
import { createInterface } from 'node:readline/promises'
import { runCommandLine } from './command-line.ts'

const ended = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // A second signal ends it at once.
  process.once(signal, () => ended.abort())
}

// Whoever reads it has had enough, as `head` has.
process.stdout.on('error', () => ended.abort())
// Nobody reads what is said of the work; the work goes on.
process.stderr.on('error', () => {})

process.exitCode = await runCommandLine({
  args: process.argv.slice(2),
  env: process.env,
  directory: process.cwd(),
  print: (line) => process.stdout.write(`${line}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
  ask: process.stdin.isTTY && process.stdout.isTTY ? ask : undefined,
  signal: ended.signal,
  hasColors: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
})
// Who was told to end is waited for, which what the configuration opened (a pool, a session store) would put off, as would a worker's channel.
if (cluster.isWorker || ended.signal.aborted) process.exit()

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await terminal.question(question, { signal: ended.signal })
  } finally {
    terminal.close()
  }
}
