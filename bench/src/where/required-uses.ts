import { FIELD_KINDS } from './field-kinds.ts'

/** Every operator of every type, and the logical ones: a fuzz that meets one of them never proves nothing. */
export function requiredUses(): string[] {
  const uses = FIELD_KINDS.flatMap((kind) => kind.operators.map((operator) => `${kind.name}.${operator}`))
  return [...new Set([...uses, 'logical.AND', 'logical.OR', 'logical.NOT'])]
}
