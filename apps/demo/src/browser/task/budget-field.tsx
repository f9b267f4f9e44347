import type { JSX } from 'react'
import { usePerson } from '../people/person.ts'
import { Icon } from '../ui/icon.tsx'
import { useDraft } from './use-draft.ts'

/** Managers read and write it. For everyone else the server sends nothing, and the page says so. */
export function BudgetField({ budget, onSave }: { budget: number | null; onSave: (budget: number | null) => void }): JSX.Element {
  const { isManager } = usePerson()
  const draft = useDraft(budget === null ? '' : String(budget), (text) => {
    const amount = Number.parseInt(text, 10)
    onSave(Number.isNaN(amount) ? null : amount)
  })
  if (!isManager) {
    return (
      <p className="withheld">
        <span>Budget</span>
        <span>
          <Icon name="lock" />
          Managers only
        </span>
      </p>
    )
  }
  return (
    <label>
      <span>Budget, €</span>
      <input
        type="number"
        min={0}
        max={1_000_000_000}
        step={50}
        value={draft.value}
        onChange={(event) => draft.onChange(event.target.value)}
        onBlur={draft.onBlur}
      />
    </label>
  )
}
