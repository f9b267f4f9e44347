/** One change that makes the deciding code wrong. */
export interface Mutation {
  readonly name: string
  /** Below `packages/access/src`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export const mutation = (file: string, name: string, find: string, replace: string): Mutation => ({ name, file, find, replace })

/** SQL's three-valued logic, which filters and policies share. */
export const LOGIC_MUTATIONS: readonly Mutation[] = [
  mutation('truth.ts', 'NOT of unknown is true', "typeof truth === 'boolean' ? !truth : truth", '!truth'),
  mutation('truth.ts', 'unknown AND true is true', 'return a === null || b === null ? null : true', 'return true'),
  mutation('truth.ts', 'false does not decide AND', 'if (a === false || b === false) return false', 'if (a === false && b === false) return false'),
  mutation('truth.ts', 'unknown OR false is true', 'return a === null || b === null ? null : false', 'return a === null || b === null'),
  mutation('truth.ts', 'true does not decide OR', 'if (a === true || b === true) return true', 'if (a === true && b === true) return true'),
]
