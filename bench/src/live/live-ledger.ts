import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '@zenstack-live/testing'

/** One line for each world in which nothing was wrong. */
export interface LedgerLine {
  readonly seed: number
  readonly cases: number
  /** Worlds before there were generated policies do not say. */
  readonly policies?: 'studio' | 'generated'
  readonly isKilled?: boolean
}

export interface Ledger {
  runs: number
  cases: number
  /** Runs with policies that were generated. */
  generated: number
  /** Runs in which processes were killed. */
  killed: number
}

export function addToLedger(line: LedgerLine): void {
  appendFileSync(ledgerFile(), `${JSON.stringify(line)}\n`)
}

/** A world that was made twice counts once. */
export function readLedger(): Ledger {
  let text = ''
  try {
    text = readFileSync(ledgerFile(), 'utf8')
  } catch {
    // Nothing was kept yet.
  }
  const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as LedgerLine]))
  const worlds = [...new Map(lines.map((line) => [`${line.seed} ${line.policies}`, line])).values()]
  return {
    runs: worlds.length,
    cases: worlds.reduce((total, { cases }) => total + cases, 0),
    generated: worlds.filter(({ policies }) => policies === 'generated').length,
    killed: worlds.filter(({ isKilled }) => isKilled).length,
  }
}

function ledgerFile(): string {
  const directory = join(cacheDirectory(), 'fuzz')
  mkdirSync(directory, { recursive: true })
  return join(directory, 'live-worlds.jsonl')
}
