import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { progress } from '../command.ts'
import { judgeQuestion, type Access, type Question } from './judge-question.ts'
import type { Mutation } from './mutation.ts'
import { POLICY_MUTATIONS } from './policy-mutations.ts'
import { WHERE_MUTATIONS } from './where-mutations.ts'

const SOURCES = new URL('../../../packages/access/src/', import.meta.url)

/**
 * Breaks the deciding code in one place after another and lets it answer the same cases. A mutant that is never wrong survives: then no case
 * looks at that place.
 */
export async function survivingMutants(cases: readonly Question[], kind: 'where' | 'policy'): Promise<{ mutants: number; names: string[] }> {
  const mutations = kind === 'where' ? WHERE_MUTATIONS : POLICY_MUTATIONS
  const hooks = registerMutations(mutations)
  const names: string[] = []
  try {
    for (const [index, mutation] of mutations.entries()) {
      // The query string makes each mutant a module of its own; the hook hands it on to what it imports.
      const mutant = (await import(new URL(`index.ts?mutant=${index}`, SOURCES).href)) as Access
      const place = cases.findIndex((question) => isWrong(mutant, question))
      if (place < 0) names.push(mutation.name)
      progress(`${mutation.name}: ${place < 0 ? 'SURVIVED' : `noticed by question ${place + 1} of ${cases.length}`}`)
    }
  } finally {
    hooks.deregister()
  }
  return { mutants: mutations.length, names }
}

function isWrong(mutant: Access, question: Question): boolean {
  try {
    return judgeQuestion(mutant, question).mismatches.length > 0
  } catch {
    // One that breaks down is noticed too.
    return true
  }
}

function registerMutations(mutations: readonly Mutation[]): { deregister(): void } {
  return registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      const mutant = context.parentURL === undefined ? null : new URL(context.parentURL).searchParams.get('mutant')
      if (mutant === null || !specifier.startsWith('.') || !resolved.url.startsWith(SOURCES.href)) return resolved
      return { ...resolved, url: `${resolved.url}?mutant=${mutant}` }
    },
    load(url, context, next) {
      const at = new URL(url)
      const mutant = at.searchParams.get('mutant')
      const mutation = mutant === null ? undefined : mutations[Number(mutant)]
      if (mutation === undefined || !at.pathname.endsWith(`/packages/access/src/${mutation.file}`)) return next(url, context)
      return {
        format: 'module-typescript',
        shortCircuit: true,
        source: mutated(readFileSync(fileURLToPath(at.origin === 'null' ? `file://${at.pathname}` : at), 'utf8'), mutation),
      }
    },
  })
}

function mutated(source: string, mutation: Mutation): string {
  if (!source.includes(mutation.find))
    throw new Error(`Mutation "${mutation.name}" finds nothing in ${mutation.file}: the code has changed, change the mutation too.`)
  return source.replace(mutation.find, mutation.replace)
}
