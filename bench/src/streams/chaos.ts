import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '@zenstack-live/testing'
import type { Random } from '../random.ts'
import type { FuzzJob, FuzzLine } from './fuzz-job.ts'

export const WORKERS = 3

export interface ChaosOptions {
  redis: RedisServer
  random: Random
  job: Omit<FuzzJob, 'worker' | 'outFile' | 'splitInto'>
  directory: string
}

/** Kills, pauses and restarts, and what the processes have written down. */
export class Chaos {
  readonly counts = { kills: 0, pauses: 0, restarts: 0 }
  readonly #options: ChaosOptions
  readonly #children = new Map<number, ChildProcess>()
  readonly #files: string[] = []

  constructor(options: ChaosOptions) {
    this.#options = options
  }

  start(worker: number): void {
    const { random, job, directory } = this.#options
    const outFile = join(directory, `worker-${this.#files.length}.txt`)
    this.#files.push(outFile)
    const whole: FuzzJob = { ...job, worker, outFile, splitInto: 1 + random.whole(4) }
    const program = join(import.meta.dirname, 'fuzz-worker.ts')
    const child = spawn(process.execPath, ['--conditions=@zenstack-live/source', program, JSON.stringify(whole)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#children.set(worker, child)
  }

  startAll(): void {
    for (let worker = 0; worker < WORKERS; worker++) this.start(worker)
  }

  async strike(round: number): Promise<void> {
    const { random, redis, job } = this.#options
    const worker = random.whole(WORKERS)
    const child = this.#children.get(worker)
    const choice = child === undefined ? 3 : random.whole(4)
    if (child !== undefined && choice <= 1) {
      await end(child)
      this.counts.kills++
      this.start(worker)
    } else if (child !== undefined && choice === 2) {
      // Long enough for another process to take over.
      child.kill('SIGSTOP')
      this.counts.pauses++
      await sleep(job.leaseMs * 1.5)
      child.kill('SIGCONT')
    }
    if (round % 10 === 9) {
      await redis.kill()
      this.counts.restarts++
      await sleep(200)
      await redis.start()
    }
    await sleep(random.whole(500))
  }

  async killAll(): Promise<void> {
    for (const [worker, child] of this.#children) {
      this.#children.delete(worker)
      await end(child)
      this.counts.kills++
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => end(child)))
    this.#children.clear()
  }

  isRunning(pid: number): boolean {
    return [...this.#children.values()].some((child) => child.pid === pid && child.exitCode === null)
  }

  lines(): FuzzLine[] {
    return this.#files.filter((file) => existsSync(file)).flatMap(readLines)
  }
}

/** The last line of a process that was killed may be cut off: nobody was told of it. */
function readLines(file: string): FuzzLine[] {
  const whole = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  // Written by the worker.
  return whole.map((line) => line.split(' ') as unknown as FuzzLine)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGKILL')
  await ended
}
