import { useState } from 'react'

/**
 * What was chosen shows from the click on. The write reaches the row some milliseconds later, and until then the row still says what
 * it said; a control that follows the row alone would jump back and forth.
 */
export function useChoice<T>(value: T, save: (value: T) => void): [value: T, choose: (value: T) => void] {
  const [choice, setChoice] = useState<{ value: T; instead: T }>()
  // The row has heard of it, and leads again: also back, when the write is refused.
  const isHeard = choice !== undefined && choice.instead !== value
  if (isHeard) setChoice(undefined)
  const choose = (next: T): void => {
    setChoice(Object.is(next, value) ? undefined : { value: next, instead: value })
    save(next)
  }
  return [choice === undefined || isHeard ? value : choice.value, choose]
}
