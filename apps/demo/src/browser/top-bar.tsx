import { useState, type JSX } from 'react'
import { ThemeSwitch } from './theme-switch.tsx'
import { Icon } from './ui/icon.tsx'

export function TopBar({ isDockOpen, onDock }: { isDockOpen: boolean; onDock: () => void }): JSX.Element {
  const [isResetting, setResetting] = useState(false)
  const reset = (): void => {
    setResetting(true)
    fetch('/api/reset', { method: 'POST' })
      .catch(() => {})
      .finally(() => setResetting(false))
  }
  return (
    <header className="top-bar">
      <span className="brand">
        <svg viewBox="0 0 28 20" aria-hidden="true">
          <circle cx="10" cy="10" r="8.5" />
          <circle cx="18" cy="10" r="8.5" />
        </svg>
        Tandem
      </span>
      <p className="tagline">Two people, one Postgres. Each sees what the policies allow, the moment it is committed.</p>
      <div className="top-actions">
        <button
          type="button"
          className="button quiet"
          onClick={reset}
          disabled={isResetting}
          aria-label="Reset data"
          title="Put the sample data back"
        >
          <Icon name="reset" />
          <span>Reset data</span>
        </button>
        <button type="button" className="button quiet wide-only" aria-expanded={isDockOpen} onClick={onDock}>
          {isDockOpen ? 'Hide' : 'Show'} the works
        </button>
        <ThemeSwitch />
      </div>
    </header>
  )
}
