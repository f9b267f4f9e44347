import { AccessError, validateArgs } from '@zenstack-live/access'
import { rowKeyOfRecord, type DataModel } from '@zenstack-live/model'
import type { Client } from '@zenstack-live/testing/oracle'
import type { Case } from '../oracle/judge-case.ts'
import { show } from '../oracle/show.ts'

export type Finder = Record<string, { findMany(args: unknown): Promise<Record<string, unknown>[]> }>

/** A model whose rows came through the stream, and the client that reads the same rows. */
export interface Subject {
  readonly client: Client
  readonly data: DataModel
  readonly model: string
  readonly rows: Case['rows']
}

/** What ZenStack returns for a filter; `undefined` when it refuses the filter before it reaches the database. */
export async function askFilter(
  { client, data, model, rows }: Subject,
  given: Record<string, unknown>,
  auth: Case['auth'],
  uses: readonly string[],
): Promise<Case | undefined> {
  const known = data.models.get(model)
  let where: unknown
  try {
    where = (validateArgs(client, model, 'findMany', { where: given }) as { where: unknown }).where
  } catch (error) {
    if (error instanceof AccessError) return undefined
    throw error
  }
  if (known === undefined) return undefined
  const bound = client.$setAuth(auth ?? undefined) as unknown as Finder
  const select = Object.fromEntries(known.idFields.map((field) => [field, true]))
  let expected: Case['expected']
  try {
    const records = (await bound[model]?.findMany({ where: given, select })) ?? []
    expected = new Set(records.map((record) => rowKeyOfRecord(known, record)))
  } catch {
    expected = 'error'
  }
  return { data, model, where, auth, now: Date.now(), expected, rows, uses, title: `${model} ${show(given)} as ${show(auth)}` }
}
