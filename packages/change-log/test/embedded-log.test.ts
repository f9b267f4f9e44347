import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
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

  it('takes what comes after it could not let go of what is old', async () => {
    const directory = temporaryFolder()
    let nowMs = Date.now()
    const open = (): ReturnType<typeof openEmbeddedLog> => openEmbeddedLog({ directory, now: () => nowMs, sampleEntries: 1 })
    const first = await open()
    await first.append([transaction(10), transaction(11), transaction(12)])
    await first.close()
    const database = new DatabaseSync(join(directory, 'changes.sqlite'))
    database.exec(`CREATE TRIGGER stuck BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
    database.close()
    const log = await open()
    nowMs += 1_000_000
    await expect(log.trim({ maxAgeMs: 1_000 })).rejects.toThrow('the disk is full')
    await log.append([transaction(13)])
    expect((await log.state()).entries).toBe(4)
    await log.close()
    rmSync(directory, { recursive: true })
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
