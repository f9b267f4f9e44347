import { useState, type JSX } from 'react'
import { Icon } from '../ui/icon.tsx'
import { SQL_PRESETS } from './sql-presets.ts'

interface Outcome {
  command: string
  rowCount: number
  columns: string[]
  rows: unknown[][]
  milliseconds: number
}

type State = { kind: 'idle' } | { kind: 'running' } | { kind: 'done'; outcome: Outcome } | { kind: 'failed'; message: string }

/** SQL as the owner of the database: neither ZenStack nor this page's server code knows of these changes. */
export function SqlPanel(): JSX.Element {
  const [sql, setSql] = useState(SQL_PRESETS[0]?.sql ?? '')
  const [state, setState] = useState<State>({ kind: 'idle' })
  const run = (): void => {
    setState({ kind: 'running' })
    execute(sql).then(
      (outcome) => setState({ kind: 'done', outcome }),
      (error: unknown) => setState({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
    )
  }
  return (
    <section className="panel sql" aria-label="Raw SQL">
      <header>
        <h2>Raw SQL</h2>
        <p>As the database owner, past ZenStack</p>
        <button type="button" className="button" onClick={run} disabled={state.kind === 'running'}>
          <Icon name="play" />
          <span>Run</span>
        </button>
      </header>
      <div className="presets" role="group" aria-label="Examples">
        {SQL_PRESETS.map((preset) => (
          <button key={preset.name} type="button" aria-pressed={preset.sql === sql} onClick={() => setSql(preset.sql)}>
            {preset.name}
          </button>
        ))}
      </div>
      <textarea
        aria-label="SQL statement"
        aria-keyshortcuts="Control+Enter Meta+Enter"
        spellCheck={false}
        value={sql}
        onChange={(event) => setSql(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run()
        }}
      />
      <div className="outcome" role="status">
        <OutcomeView state={state} />
      </div>
    </section>
  )
}

function OutcomeView({ state }: { state: State }): JSX.Element | null {
  if (state.kind === 'idle') return <p className="muted">Ctrl Enter runs it.</p>
  if (state.kind === 'running') return <p className="muted">Running…</p>
  if (state.kind === 'failed') return <p className="failure">{state.message}</p>
  const { command, rowCount, columns, rows, milliseconds } = state.outcome
  return (
    <>
      <p>
        <strong>{command}</strong> {rowCount} {rowCount === 1 ? 'row' : 'rows'} in {milliseconds.toFixed(1)} ms
      </p>
      {columns.length > 0 && (
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {row.map((value, column) => (
                  <td key={columns[column]}>{typeof value === 'string' ? value : JSON.stringify(value)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}

async function execute(sql: string): Promise<Outcome> {
  const response = await fetch('/api/sql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql }) })
  const body = (await response.json()) as Outcome & { error?: string }
  if (!response.ok) throw new Error(body.error ?? `The server answered ${response.status}.`)
  return body
}
