import pg from 'pg'

/** `COPY … FROM STDIN`, with its rows in the text format. */
export interface CopyIn {
  copy: string
  rows: readonly string[]
  /** The client gives up behind its rows: what the server has written already is taken back. */
  isGivenUp: boolean
}

/** Sends it on this connection; rejects with the server's error. */
export async function runCopyIn(client: pg.Client, { copy, rows, isGivenUp }: CopyIn): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.query(new CopyQuery(copy, rows, isGivenUp, (error) => (error instanceof Error ? reject(error) : resolve())))
  })
}

/** Lines of the text format go on the way in pieces that break anywhere. */
const PIECE_BYTES = 8_000

interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void
  sendCopyFail(message: string): void
  endCopyFrom(): void
}

class CopyQuery extends pg.Query {
  readonly #rows: readonly string[]
  readonly #isGivenUp: boolean

  constructor(text: string, rows: readonly string[], isGivenUp: boolean, done: (error: unknown) => void) {
    super(text, done)
    this.#rows = rows
    this.#isGivenUp = isGivenUp
  }

  /** The client calls it when the server wants the rows. */
  handleCopyInResponse(connection: CopyConnection): void {
    const bytes = Buffer.from(this.#rows.map((row) => `${row}\n`).join(''))
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) connection.sendCopyFromChunk(bytes.subarray(at, at + PIECE_BYTES))
    if (this.#isGivenUp) connection.sendCopyFail('given up')
    else connection.endCopyFrom()
  }
}
