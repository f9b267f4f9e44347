// `node scripts/run.mjs <file.ts> …`: installs what is missing, then runs a TypeScript file, unbuilt, under the project's Node.
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { install, projectNode, root } from './install.mjs'

const [file, ...args] = process.argv.slice(2)

try {
  await install()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}` }
const child = spawn(projectNode(), ['--conditions=@zenstack-live/source', join(root, file), ...args], { cwd: root, stdio: 'inherit', env })
// A terminal sends Ctrl-C to both; whoever signals this process alone means the other one.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
process.on('SIGINT', () => {})
// npm's shell does not pass signals on: when it is gone, so is whoever asked for this.
const parent = process.ppid
setInterval(() => process.ppid === parent || child.kill('SIGTERM'), 500).unref()
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 130))
