import type { Mutation } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import type { JsonRead, LiveClientInternals, Write } from '@zenstack-live/client/internal'
import { positionLsn, type Lsn } from '@zenstack-live/protocol'
import { marshal, serialize } from '@zenstackhq/client-helpers/fetch'
import {
  applyPatch,
  diffResult,
  isCreatedFrom,
  isRedundant,
  isRow,
  withoutMarks,
  type PatchOperation,
  type Row,
  type RowId,
} from './optimistic-patch.ts'

/** How often a late stream and a failing read are tried before a write is given up. */
const MAX_ROUNDS = 10

interface Patch {
  readonly owner: Mutation
  operations: PatchOperation[]
  /** Ids of the base's rows when it was made; a row without one stands for itself. What has another id, or none, came later. */
  readonly known: ReadonlySet<unknown>
  answer?: Promise<void>
}

/** An answer read over HTTP, and what of the stream it was put over. */
interface Read {
  readonly over: unknown
  readonly data: unknown
}

/** The writes made here that one query shows before the server has brought them. */
export class OwnWrites {
  readonly #store: LiveClientInternals['store']
  readonly #shown: { readonly query: LiveQuery<unknown> }
  readonly #onChange: () => void
  readonly #rowId: RowId
  #patches: Patch[] = []
  #base: unknown
  /** While the stream was late; it holds until the stream brings a newer one, or has passed the write. */
  #read: Read | undefined

  /**
   * @param shown - says which query that is: of equal ones under one key it may become another
   */
  constructor(live: LiveClientInternals, shown: { readonly query: LiveQuery<unknown> }, onChange: () => void) {
    this.#store = live.store
    this.#shown = shown
    this.#onChange = onChange
    const idFields = live.schema.models[shown.query.model]?.idFields ?? []
    this.#rowId = (row) =>
      idFields.length > 0 && idFields.every((name) => row[name] !== undefined) ? JSON.stringify(idFields.map((name) => String(row[name]))) : undefined
  }

  get isEmpty(): boolean {
    return this.#patches.length === 0
  }

  /** The base with every write on top that has not come back. */
  applyTo(streamed: unknown): unknown {
    this.#base = streamed
    if (this.#read?.over !== streamed) this.#read = undefined
    const base = this.#read === undefined ? streamed : this.#read.data
    const operations = this.#patches.flatMap((patch) => this.#remaining(patch, base))
    return operations.length === 0 ? base : applyPatch(base, operations, this.#rowId)
  }

  /** Someone wrote into the cache: a mutation that is under way, or nobody whose write could be kept. */
  record(streamed: unknown, shown: unknown, written: unknown, pending: readonly Mutation[]): void {
    this.#base = streamed
    const operations = diffResult(shown, written, this.#rowId)
    const exact = pending.findLast(({ state }) => isAbout(state.variables, operations, true))
    const owner = exact ?? pending.findLast(({ state }) => isAbout(state.variables, operations, false)) ?? pending.at(-1)
    if (owner === undefined || operations.length === 0) return
    const rows = Array.isArray(this.#base) ? this.#base : []
    this.#patches.push({
      owner,
      operations,
      known: new Set(rows.map((row: unknown) => isRow(row) && (this.#rowId(row) ?? row))),
    })
  }

  /** A mutation was answered: its patches wait until the stream has passed its commit. */
  answered(write: Write): void {
    const { lsn } = write
    if (lsn === undefined) return
    const owner = this.#patches.find(
      (patch) => patch.answer === undefined && patch.owner.state.status === 'pending' && isWriteOf(write, patch.owner.state.variables),
    )?.owner
    for (const patch of this.#patches) if (patch.owner === owner) patch.answer = this.#whenShown(() => this.#store.whenPassed(lsn), lsn)
  }

  ended(mutation: unknown, isSuccess: boolean): void {
    const mine = this.#patches.filter(({ owner }) => owner === mutation)
    if (mine.length === 0) return
    if (!isSuccess) return this.#drop(mine)
    void Promise.all(mine.map((patch) => patch.answer ?? this.#whenShown(() => this.#whenRedundant(patch)))).then(() => this.#drop(mine))
  }

  /** What is shown, as if the server had said it. */
  unmarked(shown: unknown): unknown {
    return withoutMarks(shown)
  }

  /** Resolves when every answered write has come back. */
  async settled(): Promise<void> {
    for (const { answer } of this.#patches) await answer
  }

  clear(): void {
    this.#patches = []
    this.#read = this.#base = undefined
  }

  #drop(patches: readonly Patch[]): void {
    this.#patches = this.#patches.filter((patch) => !patches.includes(patch))
    this.#onChange()
  }

  /**
   * Waits for the stream to bring a write; when that takes long, reads the query once over HTTP, which has it too. A write is not taken off the
   * screen while neither works, within limits.
   *
   * @param lsn - its place in the log, where that is known
   */
  async #whenShown(whenStreamed: () => Promise<boolean>, lsn?: Lsn): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS && this.#patches.length > 0; round++) {
      if (await whenStreamed()) return
      const over = this.#base
      const { stay } = this.#store
      const read = await this.#readOnce()
      // It was read for whoever was here then, and the base of the next person may be equal: perhaps nobody noticed yet that they left.
      this.#store.scope()
      if (stay !== this.#store.stay) return
      if (read === undefined) continue
      // What the stream brought meanwhile is newer.
      if (over === this.#base) {
        this.#read = { over, data: this.#store.share(over, read.data) }
        const passed = lsn ?? placeAfter(read)
        if (passed !== undefined) void this.#giveWay(this.#read, passed)
      }
      return
    }
  }

  /** Where the write was undone meanwhile, the stream may bring nothing: what was read gives way when the stream has passed it. */
  async #giveWay(read: Read, lsn: Lsn): Promise<void> {
    while (this.#read === read && this.#store.has(this.#store.idOf(this.#shown.query)) && this.#store.status() !== 'closed') {
      if (!(await this.#store.whenPassed(lsn))) continue
      this.#read = undefined
      this.#onChange()
    }
  }

  /** `undefined` when it fails, or takes too long. */
  #readOnce(): Promise<JsonRead | undefined> {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), this.#store.limits.openTimeoutMs)
    return this.#store
      .readOnce(this.#shown.query, controller.signal)
      .catch(() => undefined)
      .finally(() => clearTimeout(timer))
  }

  /** Without a commit position: until the base says the same by itself, but not for ever. */
  #whenRedundant(patch: Patch): Promise<boolean> {
    return new Promise((resolve) => {
      const check = (): void => {
        const { data } = this.#store.read(this.#shown.query)
        if (this.#remaining(patch, data).every((operation) => isRedundant(data, operation, this.#rowId))) end(true)
      }
      const timer = setTimeout(() => end(false), this.#store.limits.ownWriteMs)
      const release = this.#store.watch(this.#shown.query, check)
      const end = (isSeen: boolean): void => {
        clearTimeout(timer)
        release()
        resolve(isSeen)
      }
      check()
    })
  }

  /** What of a patch still has to be shown: a row made here gives way to the one the server made of it. */
  #remaining(patch: Patch, base: unknown): PatchOperation[] {
    if (!patch.operations.some(({ kind }) => kind === 'insert') || !Array.isArray(base)) return patch.operations
    const arrived = base.filter((row: unknown): row is Row => isRow(row) && !patch.known.has(this.#rowId(row)))
    return patch.operations.filter((operation) => {
      if (operation.kind !== 'insert') return true
      const data = createData(patch.owner.state.variables)
      const at = arrived.findIndex((row) => this.#rowId(row) === operation.id || data.some((item) => isCreatedFrom(row, item)))
      if (at >= 0) arrived.splice(at, 1)
      return at < 0
    })
  }
}

/** A place that a stream comes to only after what was read: its own lies before that. `undefined` where something else than the edge answered. */
function placeAfter({ resume }: JsonRead): Lsn | undefined {
  const lsn = positionLsn(resume?.lastEventId)
  return lsn === undefined ? undefined : ((lsn + 1n) as Lsn)
}

/** The data of a create, createMany or upsert. */
function createData(variables: unknown): Row[] {
  if (!isRow(variables)) return []
  const data = variables['data'] ?? variables['create']
  return Array.isArray(data) ? data.filter(isRow) : isRow(data) ? [data] : []
}

/** Whether the operations are what a mutation with these arguments would do: to these rows, and, where asked exactly, with these values. */
function isAbout(variables: unknown, operations: readonly PatchOperation[], isExact: boolean): boolean {
  if (!isRow(variables)) return false
  const where = isRow(variables['where']) ? JSON.stringify(Object.values(variables['where']).map(String)) : undefined
  return operations.some((operation) => {
    if (operation.kind === 'insert') return createData(variables).some((data) => isCreatedFrom(operation.row, data))
    if (operation.kind === 'replace' || operation.id !== where) return false
    const data = variables['data'] ?? variables['update']
    if (operation.kind === 'remove') return !isExact || data === undefined
    return !isExact || (isRow(data) && isCreatedFrom(operation.fields, data))
  })
}

/** Whether the request carried these arguments: in its body, or in the URL of a delete. */
function isWriteOf(write: Write, variables: unknown): boolean {
  if (write.body !== undefined) return write.body === marshal(variables)
  return new URL(write.url, 'http://localhost').searchParams.get('q') === JSON.stringify(serialize(variables).data)
}
