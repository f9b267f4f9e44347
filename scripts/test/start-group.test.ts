import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { startGroup } from './start-group.ts'

/** A program that starts another one. Both hold a connection to the port, which the system cuts when they are gone. */
const FAMILY = `
  const [port, generation] = process.argv.slice(1).map(Number)
  require('node:net').connect(port, '127.0.0.1')
  if (generation > 1) require('node:child_process').spawn(process.execPath, ['-e', process._eval, port, generation - 1], { stdio: 'ignore' })
`

/** Resolves when two have come, with what resolves when both are gone. */
async function family(begin: (args: readonly string[]) => void): Promise<{ gone: Promise<unknown> }> {
  const server = createServer((socket) => void socket.on('error', () => {}).resume())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const sockets: Promise<unknown>[] = []
  const both = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      sockets.push(new Promise((gone) => socket.once('close', gone)))
      if (sockets.length === 2) resolve()
    })
  })
  begin(['-e', FAMILY, String(port), '2'])
  await both
  return { gone: Promise.all(sockets).then(() => server.close()) }
}

it('ends a program with all that it started', async () => {
  let end = (): Promise<void> => Promise.resolve()
  const { gone } = await family((args) => {
    end = startGroup(process.execPath, args, {})
  })
  await end()
  await gone
})

it('ends it when the process that started it was killed', async () => {
  const code = `import { startGroup } from ${JSON.stringify(new URL('start-group.ts', import.meta.url).href)}
    startGroup(process.execPath, JSON.parse(process.argv[1]), {})`
  let starter: ReturnType<typeof spawn> | undefined
  const { gone } = await family((args) => {
    starter = spawn(process.execPath, ['--input-type=module', '-e', code, JSON.stringify(args)], { stdio: 'ignore' })
  })
  expect(starter?.kill('SIGKILL')).toBe(true)
  await gone
})
