// Compiles the addon where a C compiler is at hand. Where none is, all goes on without it: that is no failure.
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import headers from 'node-api-headers'

const [source, folder] = ['src/socket-writer.c', 'build'].map((path) => fileURLToPath(new URL(path, import.meta.url)))
const [made, addon] = [`${folder}/${process.pid}.node`, `${folder}/socket-writer.node`]
/** Node's own functions are found when it is loaded. */
const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']

try {
  if (process.platform === 'win32') throw new Error('Windows has none')
  // One of before is worth nothing where this one cannot be made.
  rmSync(addon, { force: true })
  mkdirSync(folder, { recursive: true })
  const [compiler, ...flags] = (process.env.CC ?? 'cc').split(' ').filter(Boolean)
  const { status, error, stderr } = spawnSync(compiler, [...flags, '-O2', '-fPIC', ...link, '-I', headers.include_dir, '-o', made, source], {
    encoding: 'utf8',
  })
  if (status !== 0) throw error ?? new Error(`${compiler} could not compile it:\n${stderr}`)
  // In one step: another install may be loading it.
  renameSync(made, addon)
} catch (error) {
  process.stderr.write(`@zenstack-live/socket-writer: ${error.message}. Edges write through Node alone.\n`)
}
