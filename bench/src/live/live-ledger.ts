import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '@zenstack-live/testing'

/** One line for each world. */
export interface LedgerLine {
  readonly seed: number
  readonly cases: number
  readonly policies: 'studio' | 'generated'
  readonly isKilled: boolean
  /** Mismatches and leaks. */
  readonly faults: number
  /** What was held against what could be read: every row with all its fields and keys, or only what was written once, as it was until `54c406c`. */
  readonly oracle: 'rows' | 'tokens'
}

export interface Ledger {
  runs: number
  cases: number
  /** Runs with policies that were generated. */
  generated: number
  /** Runs in which processes were killed. */
  killed: number
  /** Runs in which every row that was sent was held against what could be read. */
  byRows: number
}

/** Those that came with the repository, in which nothing was wrong, as `seed,policies,isKilled,cases,commit,oracle`: the commit says what its seed meant. */
const RECORDED = new URL('../../live-worlds.csv', import.meta.url)

export function addToLedger(line: Omit<LedgerLine, 'oracle'>): void {
  appendFileSync(ledgerFile(), `${JSON.stringify({ ...line, oracle: 'rows' } satisfies LedgerLine)}\n`)
}

/** Worlds in which nothing was wrong. One that was made twice counts once, and not at all if it was wrong once: its repeats may have had luck. */
export function readLedger(): Ledger {
  const lines = [...linesOf(RECORDED).slice(1).map(recorded), ...linesOf(ledgerFile()).map((line) => JSON.parse(line) as LedgerLine)]
  const wrong = new Set(lines.filter(({ faults }) => faults > 0).map(worldOf))
  const worlds = [...new Map(lines.map((line) => [worldOf(line), line])).values()].filter((line) => !wrong.has(worldOf(line)))
  return {
    runs: worlds.length,
    cases: worlds.reduce((total, { cases }) => total + cases, 0),
    generated: worlds.filter(({ policies }) => policies === 'generated').length,
    killed: worlds.filter(({ isKilled }) => isKilled).length,
    byRows: worlds.filter(({ oracle }) => oracle === 'rows').length,
  }
}

function worldOf({ seed, policies }: LedgerLine): string {
  return `${seed} ${policies}`
}

function recorded(line: string): LedgerLine {
  const [seed, policies, isKilled, cases, , oracle] = line.split(',')
  return {
    seed: Number(seed),
    policies: policies as LedgerLine['policies'],
    isKilled: isKilled === 'true',
    cases: Number(cases),
    faults: 0,
    oracle: oracle as LedgerLine['oracle'],
  }
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
