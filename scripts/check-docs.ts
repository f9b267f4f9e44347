import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const SNIPPET = /<!-- snippet: (\S+?)(?:#(\S+))? -->\n```(\w*)\n[\s\S]*?\n?```/g
const LINK = /\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g

/**
 * Code in Markdown is a copy of a file that is compiled and run: `<!-- snippet: file.ts -->`, or `file.ts#region` for what stands
 * between `// #region region` and `// #endregion`. Gives one line per copy that differs and per link to nowhere.
 *
 * @param isWriting - brings the copies up to date instead
 */
export function checkDocs(root: string, isWriting = false): string[] {
  return markdownFiles(root).flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    const problems: string[] = []
    const fresh = text.replace(SNIPPET, (block, path: string, region: string | undefined, language: string) => {
      const source = snippet(join(root, path), region)
      if (source === undefined) problems.push(`${relative(root, file)}: there is no ${path}${region === undefined ? '' : `#${region}`}.`)
      return source === undefined
        ? block
        : `<!-- snippet: ${path}${region === undefined ? '' : `#${region}`} -->\n\`\`\`${language}\n${source}\n\`\`\``
    })
    if (fresh !== text && isWriting) writeFileSync(file, fresh)
    if (fresh !== text && !isWriting) problems.push(`${relative(root, file)}: code differs from its file. Run: pnpm docs:write`)
    for (const [, target = ''] of text.matchAll(LINK)) {
      if (!existsSync(join(dirname(file), target))) problems.push(`${relative(root, file)}: links to ${target}, which does not exist.`)
    }
    return problems
  })
}

function snippet(path: string, region: string | undefined): string | undefined {
  if (!existsSync(path)) return undefined
  const text = readFileSync(path, 'utf8').trimEnd()
  if (region === undefined) return text
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.trim() === `// #region ${region}`)
  const end = lines.findIndex((line, index) => index > start && line.trim() === '// #endregion')
  return start < 0 || end < 0 ? undefined : dedent(lines.slice(start + 1, end)).join('\n')
}

function dedent(lines: string[]): string[] {
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length))
  return lines.map((line) => line.slice(indent))
}

function markdownFiles(root: string): string[] {
  const skipped = new Set(['node_modules', 'dist', '.cache', '.git', '.changeset', 'test-results'])
  const walk = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (skipped.has(entry.name)) return []
      const path = join(folder, entry.name)
      return entry.isDirectory() ? walk(path) : entry.name.endsWith('.md') ? [path] : []
    })
  return walk(root)
}
