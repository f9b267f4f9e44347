import { decodeRow, rowKey, rowKeyOfRecord, type DataModel } from '@zenstack-live/model'
import type { RawRow } from '@zenstack-live/protocol'
import { loadSchema, openOracle, type Oracle, type RawChange } from '@zenstack-live/testing/oracle'
import { show } from '../oracle/show.ts'
import type { Random } from '../random.ts'
import { OPEN_DOC, OPEN_SPACE, zmodelOf } from './doc-schema.ts'
import { cell, cellOf, DOC_COLUMNS, MEMBER_COLUMNS, MEMBER_VALUES, MEMBERS, SPACE_COLUMNS, SPACES, USERS, type Column, type Keys } from './world.ts'

const ROWS = 30
const LIST_NAMES = DOC_COLUMNS.filter(([, , isList]) => isList === true).map(([name]) => name)

type Values = Record<string, string | null>

/** What the stream told of one write phase. */
export interface Written {
  readonly docs: readonly RawChange[]
  readonly members: readonly RawChange[]
}

/** A database of documents, members, spaces and users, that is written to. */
export interface DocWorld {
  readonly keys: Keys
  readonly oracle: Oracle
  /** The documents as they are now, as the stream gave them. */
  readonly docs: ReadonlyMap<string, RawRow>
  /** The same as ZenStack shows them to those who may read everything. */
  shown(): Promise<Map<string, Record<string, unknown>>>
  /** Changes, moves, deletes and adds documents and members at random. */
  write(): Promise<Written>
}

export async function openDocWorld(random: Random, url: string, keys: Keys): Promise<DocWorld> {
  const schema = await loadSchema(zmodelOf({ keys, docs: [OPEN_DOC], spaceRule: OPEN_SPACE }))
  const oracle = await openOracle(url, schema)
  const data = await oracle.dataModel(schema)
  const bare = oracle.client(schema).$unuseAll() as unknown as { doc: { findMany(): Promise<Record<string, unknown>[]> } }
  const writer = new DocWriter(random, oracle, keys)
  const docs = new Map<string, RawRow>()
  const written = async (): Promise<Written> => {
    const take = await oracle.captureChanges()
    const changes = take('public.doc')
    for (const { before, after } of changes) {
      if (before === null ? after !== null && docs.has(keyOf(data, after)) : !docs.delete(keyOf(data, before))) {
        throw new Error(`The stream told of a change that does not fit what it told before: ${show({ before, after })}`)
      }
      if (after !== null) docs.set(keyOf(data, after), after)
    }
    return { docs: changes, members: take('public.member') }
  }
  await writer.fill()
  const { docs: filled } = await written()
  if (filled.length !== ROWS) throw new Error(`${filled.length} of ${ROWS} documents came through the capture.`)
  return {
    keys,
    oracle,
    docs,
    async shown() {
      const model = data.models.get('Doc')
      return new Map(model === undefined ? [] : (await bare.doc.findMany()).map((record) => [rowKeyOfRecord(model, record), record]))
    },
    async write() {
      await writer.write()
      return written()
    },
  }
}

function keyOf(data: DataModel, raw: RawRow): string {
  const model = data.models.get('Doc')
  return model === undefined ? '' : rowKey(model, decodeRow(model, raw))
}

class DocWriter {
  readonly #random: Random
  readonly #oracle: Oracle
  readonly #areKeysOfSeveral: boolean
  #lastId = 1000

  constructor(random: Random, oracle: Oracle, keys: Keys) {
    this.#random = random
    this.#oracle = oracle
    this.#areKeysOfSeveral = keys === 'several columns'
  }

  async fill(): Promise<void> {
    const random = this.#random
    const isOne = !this.#areKeysOfSeveral
    for (const [tenantId, id] of USERS) {
      if (isOne && tenantId === '2' && id === '1') continue
      await this.#insert('user', { tenantId, id, level: id === '3' ? null : id, name: id === '1' ? 'a' : 'b' })
    }
    for (const row of isOne ? SPACES.slice(0, 3) : SPACES) await this.#insert('space', valuesOf(SPACE_COLUMNS, row))
    for (const row of MEMBERS) await this.#insert('member', valuesOf(MEMBER_COLUMNS, row))
    for (let index = 0; index < ROWS; index++) {
      // The first rows go through the values in turn, so that none is missing; some ids are there once for each tenant.
      const id = isOne ? index : index % 20
      const tenantId = index < 20 ? '1' : '2'
      const values = DOC_COLUMNS.map((column): [string, string | null] => [
        column[0],
        index < column[1].length ? cellOf(column, index) : cell(random, column),
      ])
      const parentId = id > 3 && random.chance(0.5) ? String(random.whole(id)) : null
      await this.#insert('doc', { id: String(id), tenantId, ...Object.fromEntries(values), ...this.#reach(tenantId), parentId })
    }
  }

  /** Each row at most once, so that a change is all that became of it. */
  async write(): Promise<void> {
    const { pool } = this.#oracle
    const key = this.#areKeysOfSeveral ? '"tenantId"::text' : `'1'`
    const { rows } = await pool.query<{ tenantId: string; id: string; isParent: boolean }>(
      `SELECT ${key} AS "tenantId", id::text, EXISTS (SELECT FROM doc c WHERE c."parentId" = d.id) AS "isParent" FROM doc d`,
    )
    for (const row of rows) await this.#writeDoc(row)
    const members = await pool.query<{ tenantId: string; id: string }>(`SELECT ${key} AS "tenantId", id::text FROM member`)
    for (const member of members.rows) await this.#writeMember(member)
  }

  async #writeDoc({ tenantId, id, isParent }: { tenantId: string; id: string; isParent: boolean }): Promise<void> {
    const random = this.#random
    const kind = random.whole(20)
    if (kind < 4) return
    // A row that others point to keeps its key.
    if (kind < 6 && !isParent) {
      await this.#delete('doc', tenantId, id)
      await this.#insert('doc', { id: this.#newId(), tenantId, ...this.#values(DOC_COLUMNS), ...this.#reach(tenantId) })
      return
    }
    if (kind === 8) return this.#reverseLists(tenantId, id)
    const values: Values = kind === 6 && !isParent ? { id: this.#newId() } : kind === 7 ? { id } : this.#reach(tenantId)
    if (kind > 8) for (let count = 1 + random.whole(3); count > 0; count--) Object.assign(values, this.#values([random.pick(DOC_COLUMNS)]))
    if (kind > 12) for (const name of ['ownerTenantId', 'ownerId', 'spaceId']) delete values[name]
    await this.#update('doc', tenantId, id, values)
  }

  /** Lists of one length, of the same items, that are not equal. */
  async #reverseLists(tenantId: string, id: string): Promise<void> {
    const sets = LIST_NAMES.map(
      (name) => `"${name}" = (SELECT array_agg(item ORDER BY place DESC) FROM unnest("${name}") WITH ORDINALITY AS items (item, place))`,
    )
    await this.#oracle.pool.query(`UPDATE doc SET ${sets.join(', ')} WHERE ${this.#where(tenantId, id)}`)
  }

  async #writeMember({ tenantId, id }: { tenantId: string; id: string }): Promise<void> {
    const random = this.#random
    if (random.chance(0.4)) return
    const { spaceId, userId } = this.#member(tenantId)
    if (random.chance(0.2)) {
      await this.#delete('member', tenantId, id)
      await this.#insert('member', { tenantId, id: this.#newId(), spaceId, userId, ...this.#values(MEMBER_VALUES) })
    } else await this.#update('member', tenantId, id, random.chance(0.5) ? { spaceId, userId } : this.#values([random.pick(MEMBER_VALUES)]))
  }

  #member(tenantId: string): { spaceId: string; userId: string | null } {
    const ids = (of: readonly (readonly (string | null)[])[]): string[] =>
      of.filter(([tenant]) => !this.#areKeysOfSeveral || tenant === tenantId).map(([, id]) => id ?? '')
    return { spaceId: this.#random.pick(ids(SPACES)), userId: this.#random.chance(0.1) ? null : this.#random.pick(ids(USERS)) }
  }

  /** What a document points to: an owner of any tenant, or a part of one, and a space of its own tenant. */
  #reach(tenantId: string): Values {
    const random = this.#random
    const [ownerTenantId, ownerId] = random.pick(USERS)
    const { spaceId } = this.#member(tenantId)
    return {
      ownerTenantId: random.chance(0.2) ? null : ownerTenantId,
      ownerId: random.chance(0.2) ? null : ownerId,
      spaceId: random.chance(0.2) ? null : spaceId,
    }
  }

  #values(columns: readonly Column[]): Values {
    return Object.fromEntries(columns.map((column) => [column[0], cell(this.#random, column)]))
  }

  #newId(): string {
    return String(++this.#lastId)
  }

  async #insert(table: string, values: Values): Promise<void> {
    const known = this.#known(values)
    await this.#oracle.insert(
      `"${table}"`,
      known.map(([name]) => name),
      [known.map(([, value]) => value)],
    )
  }

  async #update(table: string, tenantId: string, id: string, values: Values): Promise<void> {
    const known = this.#known(values)
    const sets = known.map(([name], index) => `"${name}" = $${index + 1}`)
    await this.#oracle.pool.query(
      `UPDATE "${table}" SET ${sets.join(', ')} WHERE ${this.#where(tenantId, id)}`,
      known.map(([, value]) => value),
    )
  }

  async #delete(table: string, tenantId: string, id: string): Promise<void> {
    await this.#oracle.pool.query(`DELETE FROM "${table}" WHERE ${this.#where(tenantId, id)}`)
  }

  #where(tenantId: string, id: string): string {
    return this.#areKeysOfSeveral ? `"tenantId" = ${tenantId} AND id = ${id}` : `id = ${id}`
  }

  /** Columns of tenants are there only with keys of several columns. */
  #known(values: Values): [string, string | null][] {
    return Object.entries(values).filter(([name]) => this.#areKeysOfSeveral || !/tenantId$/i.test(name))
  }
}

function valuesOf(columns: readonly string[], row: readonly (string | null)[]): Values {
  return Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null]))
}
