import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { runCommand, type CommandRun } from './support/run-command.ts'
import { workspaceDatabase, type WorkspaceDatabase } from './support/workspace-database.ts'

let database: WorkspaceDatabase
let slot: string
let config: string
beforeEach(async () => {
  database = await workspaceDatabase(inject('postgresUrl'))
  slot = `command_${randomUUID().slice(0, 8)}`
  config = `slot: '${slot}', exclude: ['Note.secret'], redis: { url: '${inject('redisUrl')}', name: 'command:${slot}' }`
})
afterEach(async () => {
  await database.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${slot}' AND NOT active`)
  await database.close()
})

const run = (args: string[]): Promise<CommandRun> => runCommand(args, { config, env: { DATABASE_URL: database.url } })

/** Starts a command that goes on until it is ended. */
function begin(args: string[]): { line: (isIt: (line: string) => boolean) => Promise<string>; end: () => Promise<CommandRun> } {
  const ended = new AbortController()
  const lines: string[] = []
  let wake: (() => void) | undefined
  const running = runCommand(args, {
    config,
    env: { DATABASE_URL: database.url },
    signal: ended.signal,
    onLine: (line) => {
      lines.push(line)
      wake?.()
    },
  })
  return {
    async line(isIt) {
      for (;;) {
        const found = lines.find(isIt)
        if (found !== undefined) return found
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    async end() {
      ended.abort()
      return running
    },
  }
}

describe('setup', () => {
  it('tells what it would do, does it, and then has nothing to do', async () => {
    const planned = await run(['setup', '--dry-run', '--json'])
    const { statements } = JSON.parse(planned.lines[0] ?? '') as { statements: string[] }
    expect(statements).toContain('ALTER TABLE "public"."Task" REPLICA IDENTITY FULL')
    const done = await run(['setup'])
    expect(done.lines).toEqual(statements.map((statement) => `✔ ${statement}`))
    expect((await run(['setup'])).lines).toEqual(['Nothing to do.'])
  })

  it('prepares nothing where no model has a table, and names the models that have none', async () => {
    await database.sql('DROP TABLE "Comment"')
    const some = await run(['setup'])
    expect(some.code).toBe(0)
    expect(some.lines.at(-1)).toMatch(/^! Comment cannot be live: .*\n.*Run the migrations/)
    await database.sql('DROP PUBLICATION zenstack_live; DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    expect(await run(['setup'])).toMatchObject({ code: 1, notes: [expect.stringMatching(/None of the models has a table.*zen db push/)] })
    expect(await database.sql('SELECT pubname FROM pg_publication')).toEqual([])
  })

  it('makes no slot where another program captures, and the doctor asks for none, but names one that is left over', async () => {
    const elsewhere = `${config}, capture: false`
    const there = (args: string[]): Promise<CommandRun> => runCommand(args, { config: elsewhere, env: { DATABASE_URL: database.url } })
    expect((await there(['setup'])).lines.join('\n')).toMatch(/REPLICA IDENTITY FULL[^]*CREATE PUBLICATION/)
    expect((await there(['setup'])).lines).toEqual(['Nothing to do.'])
    expect(await there(['slot'])).toMatchObject({ code: 1, lines: [expect.stringContaining('With `capture: false` none is needed.')] })
    const isMissed = /slot "/
    const before = (await there(['doctor'])).lines
    expect(before).toContain('✔ Changes can be read: wal_level is logical; another program does (`capture: false`).')
    expect(before.filter((line) => isMissed.test(line))).toEqual([])
    await there(['slot', 'create'])
    const after = await there(['doctor'])
    expect(after.code).toBe(1)
    expect(after.lines.filter((line) => isMissed.test(line))).toEqual([expect.stringMatching(/^! Nobody reads the slot/)])
    expect(after.lines.join('\n')).toContain('zenstack-live slot drop --yes')
    // What captures here misses it.
    await there(['slot', 'drop', '--yes'])
    expect((await run(['doctor'])).lines).toContain(`✖ There is no replication slot "${slot}".`)
  })
})

describe('slot', () => {
  it('shows, makes and drops the slot', async () => {
    expect(await run(['slot'])).toMatchObject({ code: 1, lines: [expect.stringContaining(`no slot "${slot}"`)] })
    expect(await run(['slot', 'create'])).toMatchObject({ code: 0, lines: [`The slot "${slot}" was made.`] })
    const shown = await run(['slot', 'show', '--json'])
    expect(JSON.parse(shown.lines[0] ?? '')).toMatchObject({ name: slot, isActive: false, walStatus: 'reserved', isFailover: true })
    expect((await run(['slot'])).lines.join('\n')).toMatch(/read by\s+nobody/)
    expect(await run(['slot', 'drop'])).toMatchObject({ code: 2, notes: [expect.stringContaining('--yes')] })
    expect(await run(['slot', 'drop', '--yes'])).toMatchObject({ code: 0, lines: [`The slot "${slot}" was dropped.`] })
    expect(await run(['slot', 'turn'])).toMatchObject({ code: 2 })
  })
})

describe('cdc and tail', () => {
  it('read changes into the log and print them from there', async () => {
    await run(['setup'])
    const cdc = begin(['cdc'])
    await cdc.line((line) => line.includes('Reading changes, epoch 1'))
    // The one that leads has the slot; nobody can take it away.
    expect(await run(['slot', 'drop', '--yes'])).toMatchObject({ code: 1, notes: [expect.stringContaining('Stop it first')] })
    const second = begin(['cdc', '--json'])
    await second.line((line) => line === '{"kind":"waiting"}')
    const tail = begin(['tail', '--from', 'start', '--table', 'User', '--values'])
    const json = begin(['tail', '--json', '--from', 'start'])
    await database.sql(`INSERT INTO "User" (id, name) VALUES ('ann', 'Ann')`)
    await database.sql(`UPDATE "User" SET name = 'Anna'`)
    await database.sql(`DELETE FROM "User"`)
    expect(await tail.line((line) => line.includes('delete'))).toMatch(
      /^\d+-1 delete {3}public\.User \{"id":"ann"\} \{"id":"ann","name":"Anna","role":"MEMBER"\}$/,
    )
    expect(await tail.line((line) => line.includes('update'))).toMatch(/update {3}public\.User \{"id":"ann"\} \{"name":"Anna"\}$/)
    const created = JSON.parse(await json.line((line) => line.includes('"op":"c"'))) as { key: unknown; value: { after: unknown } }
    expect([created.key, created.value.after]).toEqual([{ id: 'ann' }, { id: 'ann', name: 'Ann', role: 'MEMBER' }])
    expect((await tail.end()).code).toBe(0)
    expect((await json.end()).code).toBe(0)
    // The first one ends, the second one goes on.
    expect((await cdc.end()).lines.at(-1)).toBe('Ended.')
    await second.line((line) => line.startsWith('{"kind":"leading"'))
    expect((await second.end()).code).toBe(0)
    const all = await run(['tail', '--from', 'start', '--no-follow', '--table', 'public.User'])
    expect(all.lines.map((line) => line.split(' ')[1])).toEqual(['create', 'update', 'delete'])
  })

  it('give the rows that were there first, where they are asked to', async () => {
    await database.sql(`INSERT INTO "User" (id, name) VALUES ('ann', 'Ann')`)
    await run(['setup'])
    const cdc = begin(['cdc', '--snapshot'])
    const tail = begin(['tail', '--from', 'start', '--values'])
    expect(await tail.line((line) => line.includes('"ann"'))).toMatch(/^\d+-1 read {5}public\.User \{"id":"ann"\} \{"id":"ann",/)
    await tail.end()
    expect((await cdc.end()).code).toBe(0)
  })

  it('say that they need Redis', async () => {
    config = `slot: '${slot}'`
    for (const command of ['cdc', 'tail']) expect(await run([command])).toMatchObject({ code: 2, notes: [expect.stringContaining('Set REDIS_URL')] })
  })
})

describe('a command line', () => {
  it('is refused where a word means nothing, rather than run without it', async () => {
    for (const args of [
      ['setup', 'dry-run'],
      ['slot', 'show', 'other'],
    ])
      expect(await run(args)).toMatchObject({ code: 2, notes: [expect.stringContaining(`"${args.at(-1)}" means nothing here.`)] })
    expect(await database.sql('SELECT pubname FROM pg_publication')).toEqual([])
  })

  it('needs a database of Postgres that answers, and says what to check, without the password', async () => {
    const setup = (url: string): Promise<CommandRun> => runCommand(['setup'], { env: { DATABASE_URL: url } })
    const foreign = await setup('mysql://ann:hunter2@localhost/app')
    expect(foreign).toMatchObject({ code: 1, notes: [expect.stringContaining('`postgres://`')] })
    const away = await setup('postgres://ann:hunter2@localhost:1/app')
    expect(away).toMatchObject({ code: 1, notes: [expect.stringMatching(/ECONNREFUSED.*DATABASE_URL/)] })
    expect([...foreign.notes, ...away.notes].join()).not.toContain('hunter2')
  })

  it('ends quietly when nobody reads on', async () => {
    const bin = join(import.meta.dirname, '../src/bin.ts')
    const { stderr } = await promisify(execFile)('sh', ['-c', `"${process.execPath}" --conditions=@zenstack-live/source "${bin}" help | true`])
    expect(stderr).not.toContain('EPIPE')
  })
})

describe('edge', () => {
  it('says what it lacks, and how to give it', async () => {
    expect(await run(['edge'])).toMatchObject({
      code: 1,
      notes: [expect.stringMatching(/getClient.*defineConfig\(\{ schema, getClient \}\).*zenstack-live\.config\.ts/)],
    })
  })

  it('says all that is wrong at once', async () => {
    const { code, notes } = await runCommand(['edge'], {
      env: { DATABASE_URL: 'postgres://ann:hunter2@localhost:1/app', REDIS_URL: 'redis://localhost:1' },
    })
    const text = notes.join('\n')
    expect([code, text]).toEqual([
      1,
      expect.stringMatching(/cannot start:\n {2}✖ .*getClient.*\n {2}✖ .*ECONNREFUSED.*DATABASE_URL.*\n {2}✖ .*change log.*REDIS_URL/),
    ])
    expect(text).not.toContain('hunter2')
  })
})

describe('help', () => {
  it('lists every command, and each explains itself', async () => {
    const { lines } = await run(['help'])
    for (const name of ['dev', 'doctor', 'setup', 'cdc', 'tail', 'slot', 'edge', 'streams']) {
      expect(lines.some((line) => line.startsWith(`  ${name}`))).toBe(true)
      expect((await run([name, '--help'])).lines[0]).toMatch(new RegExp(`^Usage: zenstack-live ${name}`))
    }
    expect(lines.join('\n')).toMatch(/Begin with `zenstack-live dev`[^]*zenstack-live\.config\.ts[^]*zen generate[^]*DATABASE_URL/)
    expect((await run(['streams', '--help'])).lines.join('\n')).toContain('`live.streams`')
    expect(await run([])).toMatchObject({ code: 2 })
    expect((await run(['--version'])).lines).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+/)])
  })
})
