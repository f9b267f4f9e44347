// Compiles the addon where a C compiler is at hand. Where none is, all goes on without it: that is no failure.
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import headers from 'node-api-headers'

const [source, folder] = ['src/socket-writer.c', 'build'].map((path) => fileURLToPath(new URL(path, import.meta.url)))
const made = `${folder}/${process.pid}.node`

/** Node's own functions are found when it is loaded. */
const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']

if (process.platform === 'win32') say('Windows needs no socket writer')
else {
  mkdirSync(folder, { recursive: true })
  const compiler = process.env.CC ?? 'cc'
  const { status, error, stderr } = spawnSync(compiler, ['-O2', '-fPIC', ...link, '-I', headers.include_dir, '-o', made, source], {
    encoding: 'utf8',
  })
  // In one step: another install may be loading it.
  if (status === 0) renameSync(made, `${folder}/socket-writer.node`)
  else say(`${compiler} could not compile it (${error?.message ?? stderr.trim()})`)
}

function say(why) {
  process.stderr.write(`@zenstack-live/socket-writer: ${why}. Edges write through Node alone.\n`)
}
