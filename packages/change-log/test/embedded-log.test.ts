import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openEmbeddedLog } from '../src/index.ts'
import { changeLogContract } from './contract.ts'
import { transaction } from './transactions.ts'

changeLogContract('the embedded log', async () => {
  const directory = temporaryFolder()
  let nowMs = Date.now()
  const open = (): ReturnType<typeof openEmbeddedLog> => openEmbeddedLog({ directory, now: () => nowMs, sampleEntries: 1 })
  return {
    open,
    async reopen(log) {
      await log.close()
      return open()
    },
    async pass(ms) {
      nowMs += ms
    },
    async close() {
      rmSync(directory, { recursive: true })
    },
  }
})

describe('the embedded log', () => {
  it('belongs to whoever opened it first', async () => {
    const directory = temporaryFolder()
    const log = await openEmbeddedLog({ directory })
    await expect(openEmbeddedLog({ directory })).rejects.toMatchObject({ code: 'log_in_use' })
    await log.append([transaction(10)])
    await log.close()
    const again = await openEmbeddedLog({ directory })
    expect((await again.state()).entries).toBe(1)
    await again.close()
    rmSync(directory, { recursive: true })
  })

  it('fails at once, and with its cure, where the folder cannot be used', async () => {
    await expect(openEmbeddedLog({ directory: '/dev/null/log' })).rejects.toMatchObject({ code: 'log_unavailable' })
  })

  it('refuses work after it was closed', async () => {
    const directory = temporaryFolder()
    const log = await openEmbeddedLog({ directory })
    await log.close()
    await expect(log.append([transaction(10)])).rejects.toMatchObject({ code: 'log_unavailable' })
    await expect(log.state()).rejects.toMatchObject({ code: 'log_unavailable' })
    rmSync(directory, { recursive: true })
  })
})

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'zenstack-live-log-'))
}
