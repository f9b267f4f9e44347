import { useEffect, useState } from 'react'
import { createStore, useStore } from '../desk/store.ts'

/** A person one can sit down as. Their role is not said here: it is read live, by those who may. */
export interface DirectoryEntry {
  id: string
  name: string
  title: string
  hue: number
}

const directory = createStore<readonly DirectoryEntry[]>([])
let request: Promise<void> | undefined

/** Everyone who may sign in; empty until it is here. */
export function useDirectory(): readonly DirectoryEntry[] {
  const [, setError] = useState<unknown>()
  useEffect(() => {
    request ??= load()
    request.catch((error: unknown) => {
      request = undefined
      setError(error)
    })
  }, [])
  return useStore(directory)
}

async function load(): Promise<void> {
  const response = await fetch('/api/people')
  if (!response.ok) throw new Error(`The list of people answered ${response.status}.`)
  directory.set((await response.json()) as DirectoryEntry[])
}
