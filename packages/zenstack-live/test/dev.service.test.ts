import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { runCommand, type CommandOptions, type CommandRun } from './support/run-command.ts'
import { workspaceDatabase, type WorkspaceDatabase } from './support/workspace-database.ts'

let database: WorkspaceDatabase
let slot: string
beforeEach(async () => {
  database = await workspaceDatabase(inject('postgresUrl'))
  slot = `dev_${randomUUID().slice(0, 8)}`
})
afterEach(async () => {
  await database.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${slot}' AND NOT active`)
  await database.close()
})

/** Runs it until it serves. */
async function dev(args: string[], options: CommandOptions = {}): Promise<CommandRun> {
  const ended = new AbortController()
  return runCommand(['dev', '--port', '0', ...args], {
    config: `slot: '${slot}', publication: '${slot}', ${options.config ?? ''}`,
    env: { DATABASE_URL: database.url },
    signal: ended.signal,
    onLine: (line) => {
      if (line.includes('Ctrl+C') || line.startsWith('{')) ended.abort()
    },
    ...(options.ask === undefined ? {} : { ask: options.ask }),
  })
}

describe('dev', () => {
  it('prepares the database when it is told yes, and never when it is told no', async () => {
    const questions: string[] = []
    const answer = (text: string) => async (question: string) => {
      questions.push(question)
      return text
    }
    expect(await dev([], { ask: answer('n') })).toMatchObject({ code: 1, notes: ['Nothing was changed.'] })
    expect(await database.sql('SELECT pubname FROM pg_publication')).toEqual([])
    const agreed = await dev([], { ask: answer('') })
    expect(agreed).toMatchObject({ code: 0, notes: [] })
    expect(agreed.lines.join('\n')).toMatch(/Live +http:\/\/localhost:\d+\/api\/live, nobody is signed in[^]*may see little or nothing: --as/)
    // Nothing is left to ask.
    expect((await dev([], { ask: answer('n') })).code).toBe(0)
    expect(questions).toHaveLength(2)
  })

  it('says who everybody is, and speaks JSON', async () => {
    const { code, lines } = await dev(['--yes', '--json', '--as', '{"id":"ann"}'])
    expect(code).toBe(0)
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      url: expect.stringMatching(/^http:.*\/api\/live$/),
      example: expect.stringContaining('/findMany'),
    })
    const signedIn = (await dev(['--as', '{"id":"ann"}'])).lines.join('\n')
    expect(signedIn).toContain('everybody is {"id":"ann"}')
    expect(signedIn).not.toContain('Nobody is signed in')
    expect(await dev(['--as', 'ann'])).toMatchObject({ code: 2, notes: [expect.stringContaining('--as ann is not a JSON object')] })
  })

  it('serves a schema without policies too, and says what that means', async () => {
    const config =
      'schema: { ...schema, models: Object.fromEntries(Object.entries(schema.models).map(([name, model]) => [name, { ...model, attributes: [] }])) },'
    expect((await dev(['--yes'], { config })).lines.join('\n')).toContain('no policies: here everything may be read')
  })

  it('says which port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    expect(await dev(['--yes', '--port', port])).toMatchObject({ code: 1, notes: [`Port ${port} is taken. Name another with --port, or PORT.`] })
    other.close()
  })

  it('says once that another process is live already', async () => {
    const ended = new AbortController()
    const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-dev-'))
    const config = `slot: '${slot}', publication: '${slot}', directory: '${directory}'`
    const env = { DATABASE_URL: database.url }
    let first: Promise<CommandRun> | undefined
    await new Promise<void>((resolve) => {
      const onLine = (line: string): void => void (line.includes('Ctrl+C') && resolve())
      first = runCommand(['dev', '--port', '0', '--yes'], { config, env, signal: ended.signal, onLine })
    })
    const second = await runCommand(['dev', '--port', '0'], { config, env })
    expect(second).toMatchObject({ code: 1, notes: [expect.stringMatching(/^✖ Another process of this project is live already/)] })
    ended.abort()
    expect(await first).toMatchObject({ code: 0, notes: [] })
    rmSync(directory, { recursive: true, force: true })
  })

  it('names what stands in the way, and the cure', async () => {
    await database.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    expect(await dev(['--yes'])).toMatchObject({
      code: 1,
      notes: expect.arrayContaining([expect.stringMatching(/None of the models has a table.*\n.*zen db push/)]),
    })
    const away = await runCommand(['dev'], { env: { DATABASE_URL: 'postgres://127.0.0.1:1/none' } })
    expect(away).toMatchObject({ code: 1, notes: [expect.stringContaining('127.0.0.1:1')] })
    expect(await runCommand(['dev'])).toMatchObject({ code: 1, notes: [expect.stringContaining('Set DATABASE_URL')] })
  })
})
