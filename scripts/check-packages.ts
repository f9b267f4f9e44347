// Builds what users install and asks publint about its shape. That the tarballs work is tested by `npm test -- packed`.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

must('tsc', ['-b', 'tsconfig.build.json'], root)
for (const folder of readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { private?: boolean }
  if (manifest.private !== true) must('publint', ['--strict', '--pack', 'false', folder], root)
}

function must(command: string, args: string[], cwd: string): void {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (result.status === 0) return
  console.error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}${result.error?.message ?? ''}`)
  process.exit(1)
}
