import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '@zenstack-live/testing'

/** One line for each world in which nothing was wrong. */
export interface LedgerLine {
  readonly seed: number
  readonly cases: number
  readonly policies: 'studio' | 'generated'
  readonly isKilled: boolean
}

export interface Ledger {
  runs: number
  cases: number
  /** Runs with policies that were generated. */
  generated: number
  /** Runs in which processes were killed. */
  killed: number
}

/** Those that came with the repository, as `seed,policies,isKilled,cases,commit`: the commit says what its seed meant. */
const RECORDED = new URL('../../live-worlds.csv', import.meta.url)

export function addToLedger(line: LedgerLine): void {
  appendFileSync(ledgerFile(), `${JSON.stringify(line)}\n`)
}

/** A world that was made twice counts once. */
export function readLedger(): Ledger {
  const lines = [...linesOf(RECORDED).slice(1).map(recorded), ...linesOf(ledgerFile()).map((line) => JSON.parse(line) as LedgerLine)]
  const worlds = [...new Map(lines.map((line) => [`${line.seed} ${line.policies}`, line])).values()]
  return {
    runs: worlds.length,
    cases: worlds.reduce((total, { cases }) => total + cases, 0),
    generated: worlds.filter(({ policies }) => policies === 'generated').length,
    killed: worlds.filter(({ isKilled }) => isKilled).length,
  }
}

function recorded(line: string): LedgerLine {
  const [seed, policies, isKilled, cases] = line.split(',')
  return { seed: Number(seed), policies: policies as 'studio' | 'generated', isKilled: isKilled === 'true', cases: Number(cases) }
}

/** None where nothing was kept yet. */
function linesOf(file: string | URL): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
}

function ledgerFile(): string {
  const directory = join(cacheDirectory(), 'fuzz')
  mkdirSync(directory, { recursive: true })
  return join(directory, 'live-worlds.jsonl')
}
