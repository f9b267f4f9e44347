import { existsSync, readFileSync } from 'node:fs'

export interface Counts {
  passed: number
  failed: number
  /** Titles of the tests that did not run. */
  skipped: string[]
}

export const NO_COUNTS: Counts = { passed: 0, failed: 0, skipped: [] }

/** A run that left no report has failed, whatever it printed. */
const NO_REPORT: Counts = { passed: 0, failed: 1, skipped: [] }

interface VitestReport {
  numPassedTests: number
  testResults: { name: string; status: string; assertionResults: { status: string; fullName: string }[] }[]
}

/** Counts the tests in vitest's JSON report; a file that could not be loaded counts as one failure. */
export function readVitestReport(file: string): Counts {
  if (!existsSync(file)) return NO_REPORT
  // The format is vitest's own (`--reporter=json`).
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
  const tests = report.testResults.flatMap((result) => result.assertionResults)
  const brokenFiles = report.testResults.filter(
    (result) => result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed'),
  )
  return {
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: tests.filter((test) => test.status === 'failed').length + brokenFiles.length,
    skipped: tests.filter((test) => !['passed', 'failed'].includes(test.status)).map((test) => test.fullName),
  }
}

interface PlaywrightSuite {
  title: string
  suites?: PlaywrightSuite[]
  specs?: { title: string; tests: { status: string }[] }[]
}

/** Counts the tests in Playwright's JSON report. A flaky test counts as failed: it did fail. */
export function readPlaywrightReport(file: string): Counts {
  if (!existsSync(file)) return NO_REPORT
  const report = JSON.parse(readFileSync(file, 'utf8')) as { suites: PlaywrightSuite[]; errors: unknown[] }
  const specs = report.suites.flatMap(specsOf)
  const withStatus = (...statuses: string[]): typeof specs => specs.filter((spec) => spec.tests.some((test) => statuses.includes(test.status)))
  return {
    passed: withStatus('expected').length,
    failed: withStatus('unexpected', 'flaky').length + report.errors.length,
    skipped: withStatus('skipped').map((spec) => spec.title),
  }
}

function specsOf(suite: PlaywrightSuite): { title: string; tests: { status: string }[] }[] {
  return [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specsOf)]
}

export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: [...a.skipped, ...b.skipped] }
}

/** The line that closes a run. */
export function summaryLine(counts: Counts): string {
  const skipped = counts.skipped.length === 0 ? '' : `, ${counts.skipped.length} skipped`
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`
}
