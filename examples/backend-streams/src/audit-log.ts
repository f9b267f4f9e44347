import { beforeAfter } from 'zenstack-live'
import type { Database, Live } from './clients.ts'

export async function keepAuditLog(live: Live, db: Database, signal?: AbortSignal): Promise<void> {
  const patients = live.stream({
    model: 'Patient',
    id: 'audit-log',
    created: {},
    updated: {},
    deleted: {},
    signal,
  })

  for await (const event of patients) {
    const { before, after } = beforeAfter(event)
    // An event may come a second time after a crash, always with the same position.
    const entry = {
      position: event.position,
      model: event.model,
      operation: event.type,
      at: event.date,
      ...(before && { before: json(before) }),
      ...(after && { after: json(after) }),
    }
    await db.auditLog.upsert({ where: { position: event.position }, create: entry, update: {} })
  }
}

/** Dates become text: JSON has none. */
function json(row: object): Record<string, never> {
  return JSON.parse(JSON.stringify(row)) as Record<string, never>
}
