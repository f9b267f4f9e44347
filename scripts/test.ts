// `npm test`: every test there is, with the services and the browser it needs. `npm test -- unit e2e` runs some groups only.
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBrowser } from '@zenstack-live/testing'
import { addCounts, NO_COUNTS, readPlaywrightReport, readVitestReport, summaryLine, type Counts } from './test-report.ts'

const VITEST_GROUPS = ['unit', 'types', 'property', 'react', 'service', 'packed']
const GROUPS = [...VITEST_GROUPS, 'e2e']

const root = fileURLToPath(new URL('..', import.meta.url))
const reports = join(root, '.cache', `test-reports-${process.pid}`)
/** Playwright empties its folder when it begins: two runs at once need one each. What is left in it is of tests that failed. */
const traces = join(root, 'test-results', String(process.pid))
const wanted = process.argv.slice(2)

const unknown = wanted.filter((group) => !GROUPS.includes(group))
if (unknown.length > 0) {
  console.error(`Unknown group "${unknown.join('", "')}". Groups: ${GROUPS.join(', ')}.`)
  process.exit(2)
}

mkdirSync(reports, { recursive: true })
let counts = NO_COUNTS
for (const group of GROUPS.filter((name) => wanted.length === 0 || wanted.includes(name))) {
  say(`\n── ${group} ${'─'.repeat(60 - group.length)}`)
  counts = addCounts(counts, group === 'e2e' ? await runEndToEnd() : await runVitest(group))
}
rmSync(reports, { recursive: true, force: true })
if (counts.failed === 0) rmSync(traces, { recursive: true, force: true })
if (counts.skipped.length > 0) say(`\nNot run:\n${counts.skipped.map((title) => `  ${title}`).join('\n')}`)
say(`\n${summaryLine(counts)}`)
process.exit(counts.failed === 0 ? 0 : 1)

async function runVitest(group: string): Promise<Counts> {
  const report = join(reports, `${group}.json`)
  // `types` stands for two projects: as Node sees the packages, and as an app with a bundler does.
  const code = await run(
    'vitest',
    [
      'run',
      '--project',
      group,
      ...(group === 'types' ? ['--project', 'types-browser'] : []),
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    {},
  )
  return judged(readVitestReport(report), code, group)
}

async function runEndToEnd(): Promise<Counts> {
  const browser = findBrowser(say)
  if (browser.path === undefined) return { ...NO_COUNTS, skipped: [`every browser test: ${browser.cure}`] }
  say(`Browser: ${browser.path} (${browser.origin})`)
  const report = join(reports, 'e2e.json')
  const code = await run('playwright', ['test', '--reporter=list,json', `--output=${traces}`], {
    CHROMIUM_PATH: browser.path,
    PLAYWRIGHT_JSON_OUTPUT_NAME: report,
    // Playwright loads the specs by itself: it has to find unbuilt packages too.
    NODE_OPTIONS: '--conditions=@zenstack-live/source',
  })
  return judged(readPlaywrightReport(report), code, 'e2e')
}

async function run(command: string, args: string[], env: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

/** What failed outside of any test (an error nobody caught, a set-up that broke) is in no report, only in the exit code. */
function judged(reported: Counts, code: number, group: string): Counts {
  if (code === 0 || reported.failed > 0) return reported
  say(`\n${group} ended with code ${code}, though no test failed: see above.`)
  return { ...reported, failed: 1 }
}

function say(line: string): void {
  console.log(line)
}
