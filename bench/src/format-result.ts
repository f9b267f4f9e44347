/** A result as text for people: its metrics, one table of its peers, its notes. */
export function formatResult(result: Readonly<Record<string, unknown>>): string {
  const { name, metrics, peers, notes } = result
  const lines = ['', String(name)]
  if (isRecord(metrics))
    lines.push(
      ...formatTable(
        ['metric', 'value'],
        Object.entries(metrics).map(([metric, value]) => [metric, formatValue(value)]),
      ),
    )
  if (isRecord(peers)) lines.push('', ...formatPeers(peers))
  if (Array.isArray(notes)) lines.push('', ...notes.map((note) => `  ${String(note)}`))
  return `${lines.join('\n')}\n\n`
}

function formatPeers(peers: Readonly<Record<string, unknown>>): string[] {
  const rows = Object.entries(peers).map(([name, facts]) => ({ name, facts: isRecord(facts) ? facts : {} }))
  const columns = [...new Set(rows.flatMap(({ facts }) => Object.keys(facts)))]
  return formatTable(
    ['', ...columns],
    rows.map(({ name, facts }) => [name, ...columns.map((column) => formatValue(facts[column]))]),
  )
}

function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`.trimEnd()
  return [line(head), ...rows.map(line)]
}

function formatValue(value: unknown): string {
  if (value === undefined) return '-'
  return typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : typeof value === 'string' ? value : JSON.stringify(value)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
