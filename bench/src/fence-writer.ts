import pg from 'pg'

// A writer of its own process, for fuzz-fence to kill: transactions that stay open a little, without end.
const [url, table] = process.argv.slice(2)
if (url === undefined || table === undefined) throw new Error('Usage: fence-writer.ts <url> <table>')
const client = new pg.Client(url)
client.on('error', () => process.exit(1))
await client.connect()
for (let count = 0; ; count++) {
  await client.query('BEGIN')
  await client.query(`INSERT INTO ${table} (id, type, data) VALUES ($1, 'Killed', '{}')`, [`k${process.pid}-${count}-${Date.now()}`])
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
  await client.query('COMMIT')
}
