import pg from 'pg'

/*
 * Commits one row at a steady rate, from a process of its own, so that making the load does not slow the one who measures.
 * Arguments: database URL, commits per second, seconds.
 */

const CLIENTS = 4
const [url = '', rateText = '', secondsText = ''] = process.argv.slice(2)
const [rate, seconds] = [Number(rateText), Number(secondsText)]

const clients = await Promise.all(
  Array.from({ length: CLIENTS }, async () => {
    const client = new pg.Client(url)
    await client.connect()
    return client
  }),
)
const startMs = performance.now()
let made = 0
const commit = async (client: pg.Client): Promise<void> => {
  while (made < rate * seconds) {
    const place = made++
    const waitMs = startMs + (place / rate) * 1000 - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    await client.query(`INSERT INTO "User" (email, name, role, age, score, bio, active, data) VALUES ($1, 'n', 'r', 1, 1.5, 'b', true, '{}')`, [
      `${place}@x`,
    ])
  }
}
await Promise.all(clients.map(commit))
const tookS = (performance.now() - startMs) / 1000
await Promise.all(clients.map((client) => client.end()))
process.stdout.write(`${Math.round(made / tookS)}\n`)
