// `npm start`: Postgres, Redis (or the embedded log), capture, edge and the demo, all from this folder.
import { startDemo } from '@zenstack-live/demo'
import { cacheDirectory, findRedis, freePort, startPostgres, startRedis } from '@zenstack-live/testing'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { claimDirectory } from './claim-directory.ts'

const DEFAULT_PORT = 3000

const closers: (() => Promise<unknown> | void)[] = []
let isStopping = false

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0))

try {
  await start()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  await stop(1)
}

async function start(): Promise<void> {
  const port = await choosePort()
  const claim = claimDirectory(join(cacheDirectory(), 'demo'))
  closers.push(() => claim.release())
  const [databaseUrl, redisUrl] = await Promise.all([bringPostgres(claim.directory), bringRedis(claim.directory)])
  say('Starting capture, edge and demo …')
  const demo = await startDemo({ databaseUrl, ...(redisUrl === undefined ? {} : { redisUrl }), port, dataDirectory: join(claim.directory, 'live') })
  closers.push(() => demo.close())
  say('Data stays in .cache/demo. Ctrl-C ends everything.')
  say(`ready ${demo.url}`)
}

async function bringPostgres(directory: string): Promise<string> {
  const given = process.env['DATABASE_URL']
  if (given !== undefined && given !== '') {
    say('Postgres: DATABASE_URL')
    return given
  }
  say('Postgres: the embedded one')
  const folder = join(directory, 'postgres')
  const postgres = await startPostgres({ directory: folder })
  closers.push(() => postgres.stop())
  if (postgres.directory !== folder)
    say(`Postgres does not run as root, and another user cannot enter this folder: its data stays in ${postgres.directory}.`)
  return postgres.url
}

async function bringRedis(directory: string): Promise<string | undefined> {
  const given = process.env['REDIS_URL']
  if (given !== undefined && given !== '') {
    say('Redis: REDIS_URL')
    return given
  }
  const program = findRedis()
  if (program === undefined) {
    say('Redis: none found, so changes go through the embedded log of this process')
    return undefined
  }
  say(`Redis: ${program.origin}`)
  const redis = await startRedis({ program, directory: join(directory, 'redis'), isPersistent: true })
  closers.push(() => redis.stop())
  return redis.url
}

async function choosePort(): Promise<number> {
  const wanted = process.env['PORT']
  if (wanted !== undefined && wanted !== '') {
    const port = Number(wanted)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT is "${wanted}". Set it to a number from 0 to 65535.`)
    if (port !== 0 && !(await isFree(port))) throw new Error(`Port ${port} is taken. Set PORT to another one.`)
    return port === 0 ? freePort() : port
  }
  return (await isFree(DEFAULT_PORT)) ? DEFAULT_PORT : freePort()
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}

/** Last opened, first closed; one that fails does not keep the others open. */
async function stop(code: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  for (const close of closers.toReversed()) {
    try {
      await close()
    } catch (error) {
      console.error(error)
    }
  }
  process.exit(code)
}

function say(line: string): void {
  console.log(line)
}
