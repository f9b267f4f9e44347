import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { COMMENTS, PEOPLE, SPACES, TASKS } from './sample-data.ts'

/** Makes the tables where they are missing, and fills them when nobody lives there yet. What is there stays. */
export async function prepareDatabase(databaseUrl: string): Promise<void> {
  const tables = await readFile(new URL('../../database/tables.sql', import.meta.url), 'utf8')
  await inTransaction(databaseUrl, async (client) => {
    // Two demos starting on one database would trip over each other's CREATE TYPE.
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('tandem'))`)
    await client.query(tables)
    const { rows } = await client.query('SELECT 1 FROM person LIMIT 1')
    if (rows.length === 0) await insertSamples(client)
  })
}

/** Puts the sample data back, in one transaction, while everyone watches. */
export async function resetDatabase(databaseUrl: string): Promise<void> {
  await inTransaction(databaseUrl, async (client) => {
    await client.query('DELETE FROM comment; DELETE FROM task; DELETE FROM membership; DELETE FROM space; DELETE FROM person')
    await insertSamples(client)
  })
}

async function insertSamples(client: pg.Client): Promise<void> {
  for (const { id, name, title, hue, role } of PEOPLE) {
    await client.query('INSERT INTO person (id, name, title, hue, role) VALUES ($1, $2, $3, $4, $5)', [id, name, title, hue, role])
  }
  for (const [position, { id, name, purpose, members }] of SPACES.entries()) {
    await client.query('INSERT INTO space (id, name, purpose, position) VALUES ($1, $2, $3, $4)', [id, name, purpose, position])
    for (const [hour, member] of members.entries()) {
      await client.query(
        `INSERT INTO membership (id, space_id, user_id, joined) VALUES ($1, $2, $3, (now() AT TIME ZONE 'utc') - make_interval(hours => $4))`,
        [`${id}-${member}`, id, member, members.length - hour],
      )
    }
  }
  for (const [position, task] of TASKS.entries()) {
    await client.query(
      'INSERT INTO task (id, space_id, title, notes, status, position, is_private, budget, author_id, assignee_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
      [
        task.id,
        task.space,
        task.title,
        task.notes ?? '',
        task.status,
        position + 1,
        task.isPrivate ?? false,
        task.budget ?? null,
        task.author,
        task.assignee ?? null,
      ],
    )
  }
  for (const { id, task, author, body, minutesAgo } of COMMENTS) {
    await client.query(
      `INSERT INTO comment (id, task_id, author_id, body, created_at) VALUES ($1, $2, $3, $4, (now() AT TIME ZONE 'utc') - make_interval(mins => $5))`,
      [id, task, author, body, minutesAgo],
    )
  }
}

async function inTransaction(databaseUrl: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    await client.query('BEGIN')
    await work(client)
    await client.query('COMMIT')
  } finally {
    // Ending the connection rolls back what was not committed.
    await client.end()
  }
}
