import { expect, vi } from 'vitest'
import type { Lab } from './lab.ts'
import { PATIENCE_MS } from './patience.ts'

/** Resolves when a process owns the id and its place is kept. */
export async function started({ log }: Lab, id: string): Promise<void> {
  await vi.waitFor(async () => {
    const info = (await log.readers.list()).find((reader) => reader.id === id)
    expect(info).toMatchObject({ owner: expect.any(String), cursor: expect.any(String) })
  }, PATIENCE_MS)
}
