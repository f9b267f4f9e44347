import { useState } from 'react'
import { useChoice } from '../ui/use-choice.ts'

interface Draft<T> {
  value: T
  onChange: (value: T) => void
  /** Saves what was typed, if it differs. */
  onBlur: () => void
}

/** What is typed stays on screen while one types; what others write shows as soon as one does not. */
export function useDraft<T>(value: T, save: (value: T) => void): Draft<T> {
  const [draft, setDraft] = useState<{ value: T }>()
  const [shown, choose] = useChoice(value, save)
  return {
    value: draft === undefined ? shown : draft.value,
    onChange: (next) => setDraft({ value: next }),
    onBlur: () => {
      if (draft !== undefined && draft.value !== value) choose(draft.value)
      setDraft(undefined)
    },
  }
}
