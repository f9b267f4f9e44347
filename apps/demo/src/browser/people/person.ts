import { createContext, use } from 'react'
import type { User } from '../../../schema/generated/models.ts'

/** Who looks at this pane, as the database says at this moment. Only hides controls: the policies decide. */
export interface Person {
  me: Pick<User, 'id' | 'name' | 'title' | 'hue' | 'role'>
  people: readonly Pick<User, 'id' | 'name' | 'title' | 'hue' | 'role'>[]
  isManager: boolean
  canWrite: boolean
}

const PersonContext = createContext<Person | null>(null)
export const PersonProvider = PersonContext.Provider

export function usePerson(): Person {
  const person = use(PersonContext)
  if (person === null) throw new Error('usePerson needs a PersonProvider above it.')
  return person
}
