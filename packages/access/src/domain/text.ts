import type { Collation, Field } from '@zenstack-live/model'
import { compareCodePoints } from './code-point-order.ts'
import type { Domain } from './domain.ts'
import { isOrderedByCodePoint } from './lower-case.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** A string parameter: the driver replaces lone surrogates; Postgres refuses NUL. */
export function textInput(input: unknown): string | undefined {
  return typeof input === 'string' && !input.includes('\0') ? input.toWellFormed() : undefined
}

/** The domain of a String column; `undefined` for types whose equality is not that of their text (citext, inet, xml…). */
export function textDomain(field: Field): Domain<string> | undefined {
  switch (field.columnType) {
    case 'text':
    case 'varchar':
      return plainText(field.collation)
    case 'bpchar':
      return blankPadded(field.collation)
    case 'uuid':
      return UUIDS
    default:
      return undefined
  }
}

export function plainText(collation: Collation | undefined): Domain<string> | undefined {
  if (collation?.isDeterministic !== true) return undefined
  return {
    ofInput: textInput,
    ofStored: (stored) => stored as string,
    equals: (a, b) => a === b,
    ...(isOrderedByCodePoint(collation) ? { compare: compareCodePoints } : {}),
  }
}

/** `char(n)` pads with blanks that count in neither equality nor order. */
function blankPadded(collation: Collation | undefined): Domain<string> | undefined {
  const plain = plainText(collation)
  if (plain === undefined) return undefined
  return { ...plain, ofInput: (input) => withoutBlanks(textInput(input)), ofStored: (stored) => withoutBlanks(stored as string) ?? '' }
}

export function withoutBlanks(text: string | undefined): string | undefined {
  return text?.replace(/ +$/, '')
}

const UUIDS: Domain<string> = {
  ofInput: (input) => (typeof input === 'string' && UUID.test(input) ? input.toLowerCase() : undefined),
  ofStored: (stored) => stored as string,
  equals: (a, b) => a === b,
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
}
