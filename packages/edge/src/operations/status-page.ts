import type { Health } from './health.ts'
import type { Histogram } from './histogram.ts'
import type { Metrics } from './metrics.ts'

/** How often the page asks for itself: it has no scripts. */
const REFRESH_SECONDS = 5
const MOST_ROWS = 8

/** What an edge is doing, for people: counters and fixed words, nothing of rows, queries or users. */
export function statusPage(metrics: Readonly<Metrics>, health: Health): string {
  const { incremental, requery } = metrics.queriesNow
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>${health.isReady ? 'Ready' : 'Not ready'} · ZenStack LIVE</title>
<style>${STYLE}</style>
<header><h1>ZenStack LIVE</h1>${badge(health)}</header>
<main>
<section class="figures">
${figure('Streams', count(metrics.connectionsNow), `${count(metrics.connectionsStalledNow)} stalled, ${count(metrics.slowReadersCut)} cut so far`)}
${figure('Live queries', count(incremental + requery), `${count(incremental)} decided in memory, ${count(requery)} asked again`)}
${figure('Commit to socket', atMost(metrics.commitToSocketSeconds, 0.95), `for 95 of 100 commits; half within ${atMost(metrics.commitToSocketSeconds, 0.5)}`)}
${figure('Queries per commit', ratio(metrics.queriesConcerned, metrics.transactions), `${count(metrics.transactions)} commits so far`)}
${figure('Waiting for Postgres', count(metrics.questionsWaitingNow), `${count(metrics.requeries)} requeries so far`)}
${figure('Revocation', atMost(metrics.revocationSeconds, 0.95), 'until a stream in doubt was settled, 95 of 100')}
</section>
<section class="tables">
${table('Why queries are asked again', metrics.requeryReasons)}
${table('Snapshots', metrics.snapshots)}
${table('Resets', metrics.resets)}
${table('Refusals', metrics.refusals)}
</section>
</main>
</html>
`
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#e4e4e7, #2c2c31); --soft: light-dark(#71717a, #a1a1aa); --card: light-dark(#fff, #18181b); }
* { box-sizing: border-box; margin: 0 }
body { font: 15px/1.45 system-ui, sans-serif; background: light-dark(#fafafa, #0f0f11); padding: 2rem clamp(1rem, 5vw, 4rem); font-variant-numeric: tabular-nums }
header { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; margin-bottom: 1.5rem }
h1 { font-size: 1.25rem; font-weight: 650; letter-spacing: -.01em }
.badge { padding: .2rem .7rem; border-radius: 99px; font-weight: 600; font-size: .85rem; color: light-dark(#166534, #86efac); background: light-dark(#dcfce7, #14321f) }
.badge.late { color: light-dark(#854d0e, #fde047); background: light-dark(#fef9c3, #3a2e0b) }
.badge.no { color: light-dark(#991b1b, #fca5a5); background: light-dark(#fee2e2, #3b1618) }
section { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); margin-bottom: 1rem }
.tables { grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); align-items: start }
article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem }
h2 { font-size: .85rem; font-weight: 550; color: var(--soft) }
.value { font-size: 1.9rem; font-weight: 650; letter-spacing: -.02em }
small, .none { color: var(--soft); font-size: .85rem }
table { width: 100%; border-collapse: collapse; margin-top: .5rem; font-size: .9rem }
td { padding: .35rem 0; border-top: 1px solid var(--line) }
tr:first-child td { border-top: 0 }
td:last-child { text-align: right; padding-left: 1rem }
`

function badge({ isReady, reasons, warnings }: Health): string {
  const state = isReady ? `<span class="badge${warnings.length > 0 ? ' late' : ''}">Ready</span>` : '<span class="badge no">Not ready</span>'
  const words = [...reasons, ...warnings]
  return words.length === 0 ? state : `${state} <span>${words.map(escape).join(' ')}</span>`
}

function figure(title: string, value: string, more: string): string {
  return `<article><h2>${title}</h2><p class="value">${value}</p><small>${more}</small></article>`
}

/** The most frequent first. */
function table(title: string, counters: Readonly<Record<string, number>>): string {
  const rows = Object.entries(counters).toSorted(([, a], [, b]) => b - a)
  const shown = rows.slice(0, MOST_ROWS).map(([name, value]) => `<tr><td>${escape(name)}<td>${count(value)}`)
  const rest = rows.length > MOST_ROWS ? `<small>and ${rows.length - MOST_ROWS} more</small>` : ''
  const body = rows.length === 0 ? '<p class="none">None so far.</p>' : `<table>${shown.join('')}</table>${rest}`
  return `<article><h2>${title}</h2>${body}</article>`
}

/** The smallest bound of the histogram that this share lies below. */
function atMost({ bounds, counts }: Histogram, share: number): string {
  const total = counts.reduce((sum, one) => sum + one, 0)
  if (total === 0) return '–'
  let below = 0
  const index = counts.findIndex((one) => (below += one) >= total * share)
  const bound = bounds[index]
  return bound === undefined ? `&gt; ${duration(bounds.at(-1) ?? 0)}` : `≤ ${duration(bound)}`
}

function duration(seconds: number): string {
  return seconds < 1 ? `${seconds * 1000} ms` : `${seconds} s`
}

function ratio(a: number, b: number): string {
  return b === 0 ? '–' : (a / b).toLocaleString('en', { maximumFractionDigits: 2 })
}

function count(value: number): string {
  return value.toLocaleString('en')
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
