import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Which rooms a room may know, through their public exports. Data flows left to right; so do imports. */
const ROOMS: Record<string, readonly string[]> = {
  protocol: [],
  model: ['protocol'],
  access: ['protocol', 'model'],
  cdc: ['protocol'],
  'change-log': ['protocol'],
  streams: ['protocol', 'model', 'access', 'change-log'],
  'socket-writer': [],
  edge: ['protocol', 'model', 'access', 'change-log', 'socket-writer'],
  'zenstack-live': ['protocol', 'model', 'access', 'cdc', 'change-log', 'streams', 'edge'],
  client: ['protocol'],
  react: ['client', 'protocol'],
  'event-sourcing': [],
  testing: ['protocol', 'model', 'cdc'],
}

/** What a user's app may import; the demo and the examples are users. */
const PUBLIC = ['zenstack-live', '@zenstack-live/react', '@zenstack-live/event-sourcing']

/** Problems with who knows whom, one line each; none when all is well. */
export function checkBoundaries(root: string): string[] {
  const problems: string[] = []
  for (const room of readdirSync(join(root, 'packages'))) {
    const allowed = ROOMS[room]
    if (allowed === undefined) problems.push(`packages/${room} is not in the room table of scripts/check-boundaries.ts.`)
    else
      problems.push(
        ...checkManifest(root, `packages/${room}`, allowed.map(packageName)),
        ...checkImports(root, `packages/${room}/src`, allowed.map(packageName), packageName(room)),
      )
  }
  for (const app of ['apps/demo', 'examples']) problems.push(...checkImports(root, app, PUBLIC))
  return problems
}

function packageName(room: string): string {
  return room === 'zenstack-live' ? room : `@zenstack-live/${room}`
}

function checkManifest(root: string, folder: string, allowed: string[]): string[] {
  // Our own file, read again by every tool that installs it.
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'peerDependencies',
    Record<string, string> | undefined
  >
  return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    .filter((name) => isRoom(name) && !allowed.includes(name))
    .map((name) => `${folder}/package.json depends on ${name}, which is not to its left.`)
}

function checkImports(root: string, folder: string, allowed: string[], self?: string): string[] {
  const problems: string[] = []
  for (const file of sourceFiles(join(root, folder))) {
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:from|import\(|import)\s*'([^'.][^']*)'/g)) {
      if (specifier === undefined || !isRoom(specifier)) continue
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
      if (name !== self && !allowed.includes(name)) problems.push(`${file.slice(root.length)} imports ${specifier}, which is not for it.`)
    }
  }
  return problems
}

function isRoom(specifier: string): boolean {
  return specifier.startsWith('@zenstack-live/') || specifier === 'zenstack-live' || specifier.startsWith('zenstack-live/')
}

function sourceFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  // Walked by hand: node_modules is a maze of links.
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return ['node_modules', 'dist', 'test'].includes(entry.name) ? [] : sourceFiles(path)
    return /\.tsx?$/.test(entry.name) ? [path] : []
  })
}
