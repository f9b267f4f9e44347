import type { Lsn } from '@zenstack-live/protocol'
import type pg from 'pg'
import { connectionProblem, createClient, withSettings } from '../database/query.ts'
import { VALUE_SETTINGS } from '../database/session-settings.ts'
import { CaptureError } from '../errors.ts'
import { POSTGRES_EPOCH_US, readLsn, type HandleMessage } from '../pgoutput/messages.ts'
import { splitCopyData, type HandleCopyData } from './split-copy-data.ts'

/*
 * The walsender's side of the protocol, over pg's connection:
 *
 *     START_REPLICATION ─► CopyBoth:  w  start LSN, end LSN, clock, message      (to us)
 *                                     k  end LSN, clock, "answer at once"        (to us)
 *                                     r  written, flushed, applied, clock, ping  (from us)
 *
 * see https://www.postgresql.org/docs/current/protocol-replication.html
 */

export interface ReplicationHandlers {
  /** One message of pgoutput, from `start` to `end`. The bytes are only good until it returns. */
  onMessage: HandleMessage
  onKeepalive: (endLsn: Lsn, isReplyRequested: boolean) => void
  /** The stream ended, for whatever reason but `close`. Comes once. */
  onEnd: (error: Error) => void
}

/** A connection that logical changes are read from. */
export class ReplicationConnection {
  readonly #client: pg.Client
  #onCopyData: HandleCopyData = () => {}
  #isClosing = false
  #hasEnded = false
  /** Since the last look. */
  #hasHeard = true
  #heardAtMs = performance.now()

  private constructor(client: pg.Client) {
    this.#client = client
  }

  /**
   * @param options.leaseMs - the server gives this reader up when it is silent for so long
   * @throws {CaptureError} when the server cannot be reached, refuses the role, or is a pooler
   */
  static async open(url: string, options: { leaseMs: number; connectTimeoutMs: number }): Promise<ReplicationConnection> {
    // `replication` is a startup parameter that pg passes on; its types do not know it.
    const config: pg.ClientConfig & { replication: string } = {
      ...withSettings(url, [...VALUE_SETTINGS, `wal_sender_timeout=${options.leaseMs}ms`]),
      replication: 'database',
      application_name: 'zenstack-live capture',
      connectionTimeoutMillis: options.connectTimeoutMs,
      keepAlive: true,
    }
    const client = createClient(url, config)
    client.on('error', () => {})
    const opened = new ReplicationConnection(client)
    client.connection.once(client.ssl ? 'sslconnect' : 'connect', () => opened.#readCopyData())
    await client.connect().catch((cause: unknown) => {
      throw connectionProblem(url, cause)
    })
    return opened
  }

  /** One statement of the simple protocol; only before {@link ReplicationConnection.start}. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const result = await this.#client.query<Record<string, unknown>>(sql)
    return result.rows
  }

  /**
   * Begins to stream from where the slot stands. Resolves when the server has begun.
   *
   * @throws {Error} Postgres's own, with its `code`: `55006` when another process reads from the slot
   */
  async start(slot: string, publication: string, handlers: ReplicationHandlers): Promise<void> {
    const { connection } = this.#client
    const publications = `"${publication.replaceAll('"', '""')}"`.replaceAll("'", "''")
    const sql = `START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names '${publications}', messages 'true')`
    const end = (error: Error): void => {
      if (this.#isClosing || this.#hasEnded) return
      this.#hasEnded = true
      handlers.onEnd(error)
    }
    await new Promise<void>((resolve, reject) => {
      connection.once('replicationStart', () => {
        this.#onCopyData = (bytes, from, to) => this.#receive(bytes, from, to, handlers, end)
        resolve()
      })
      // The statement lasts as long as the stream does.
      this.#client.query(sql).then(
        () => end(new CaptureError('The server ended the stream of changes.')),
        (error: Error) => {
          reject(error)
          end(error)
        },
      )
    })
    this.#client.on('error', end)
    this.#client.on('end', () => end(new CaptureError('The connection to the server is gone.')))
  }

  /** Tells the server what was received and what it need not send again. */
  sendStatus(received: Lsn, confirmed: Lsn, isReplyRequested: boolean): void {
    const { stream } = this.#client.connection
    if (!stream.writable || this.#hasEnded) return
    const message = Buffer.alloc(39)
    message.write('d', 0, 'latin1')
    message.writeInt32BE(38, 1)
    message.write('r', 5, 'latin1')
    message.writeBigUInt64BE(received, 6)
    message.writeBigUInt64BE(confirmed, 14)
    message.writeBigUInt64BE(confirmed, 22)
    message.writeBigInt64BE(BigInt(Date.now() * 1000 - POSTGRES_EPOCH_US), 30)
    message.writeUInt8(isReplyRequested ? 1 : 0, 38)
    stream.write(message)
  }

  /**
   * To be called now and then while the server is asked to reply: a connection that ends without a word stays open here for a quarter of an
   * hour. Where nothing is read, nothing is heard.
   *
   * @throws {CaptureError} when the server has said nothing for so long
   */
  checkHeard(timeoutMs: number): void {
    const nowMs = performance.now()
    if (this.#hasHeard || this.#client.connection.stream.isPaused()) this.#heardAtMs = nowMs
    else if (nowMs - this.#heardAtMs > timeoutMs)
      throw new CaptureError(`The server has said nothing for ${timeoutMs} ms (serverTimeoutMs); another connection is opened.`)
    this.#hasHeard = false
  }

  /** Stops reading from the socket; what was read is still handed over. */
  pause(): void {
    this.#client.connection.stream.pause()
  }

  resume(): void {
    this.#client.connection.stream.resume()
  }

  /** Ends the connection at once; the server frees the slot when it notices. */
  async close(): Promise<void> {
    this.#isClosing = true
    const { stream } = this.#client.connection
    if (stream.destroyed) return
    await new Promise<void>((resolve) => {
      stream.once('close', () => resolve())
      stream.destroy()
    })
  }

  /** Stands between the socket and the library's reader, before the first byte comes. */
  #readCopyData(): void {
    const { stream } = this.#client.connection
    const [read] = stream.listeners('data')
    if (read === undefined) throw new CaptureError('The client library does not read from its socket.')
    // Listeners of a socket's data take bytes.
    const pass = read as (chunk: Buffer) => void
    stream.removeListener('data', pass)
    stream.on(
      'data',
      splitCopyData((bytes, start, end) => this.#onCopyData(bytes, start, end), pass),
    )
  }

  #receive(bytes: Buffer, start: number, end: number, handlers: ReplicationHandlers, fail: (error: Error) => void): void {
    if (this.#isClosing || this.#hasEnded) return
    this.#hasHeard = true
    try {
      if (bytes[start] === DATA) handlers.onMessage(bytes, start + DATA_HEAD_BYTES, end, readLsn(bytes, start + 1))
      else if (bytes[start] === KEEPALIVE) handlers.onKeepalive(bytes.readBigUInt64BE(start + 1) as Lsn, bytes[start + 17] === 1)
    } catch (error) {
      fail(error instanceof Error ? error : new CaptureError(String(error)))
    }
  }
}

const DATA = 119 // w
const DATA_HEAD_BYTES = 25
const KEEPALIVE = 107 // k
