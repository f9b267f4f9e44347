// `pnpm docs:write`: brings the code in Markdown up to date with the files it is copied from.
import { fileURLToPath } from 'node:url'
import { checkDocs } from './check-docs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
checkDocs(root, true)
const problems = checkDocs(root)
for (const problem of problems) console.error(problem)
process.exit(problems.length === 0 ? 0 : 1)
