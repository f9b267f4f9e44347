import { qualify, quoteLiteral, type Identifier, type TableInfo } from '../table-config.ts'

/*
 * One append, one statement, one round trip:
 *
 *   isolation ─► locks (sorted; before any position is drawn) ─► idempotency key ─► condition ─► insert
 *
 * Each step is a statement of its own inside a VOLATILE function, so in READ COMMITTED it sees what the locks waited for.
 * Taking the lock and checking in one SQL statement does not work: its snapshot is older than the lock.
 *
 * Locks, as names below the table's own name:
 *   ''            the table       every writer shared; a condition without types and declared identifiers exclusive
 *   'T:type'      a type          every writer shared; a condition without declared identifiers exclusive
 *   'I:key=value' an identifier   its writers exclusive (or shared, where declared so); conditions on it exclusive
 *   'P:name'      anything else   exclusive
 */

export const APPEND_FUNCTION_VERSION = 1

/** The quoted name of the function that appends to this table. */
export function appendFunctionName(table: TableInfo): string {
  return qualify(table.schema, `${table.name}_append`)
}

/** What the installed function says about itself, so that a process with other declarations notices. */
export function appendFunctionComment(table: TableInfo): string {
  const identifiers = Object.fromEntries(table.identifiers.map(({ key, lock }) => [key, lock]))
  return JSON.stringify({ eventSourcing: APPEND_FUNCTION_VERSION, identifiers })
}

/** The prefix of all lock names of this table. */
export function lockScope(table: TableInfo): string {
  return `event-sourcing:${table.schema ?? ''}.${table.name}:`
}

/** Exclusive ones first: a condition that names several is best guarded by the narrowest. */
export function identifiersByLock(identifiers: readonly Identifier[]): Identifier[] {
  return [...identifiers.filter(({ lock }) => lock === 'exclusive'), ...identifiers.filter(({ lock }) => lock === 'shared')]
}

/** The statements that create or replace the function. */
export function appendFunctionSql(table: TableInfo, maxLocks: number): string[] {
  const name = appendFunctionName(table)
  return [
    `CREATE OR REPLACE FUNCTION ${name}(new_events jsonb, conditions jsonb, options jsonb)
RETURNS jsonb LANGUAGE plpgsql VOLATILE SET enable_seqscan TO off AS $event_sourcing$
DECLARE
  isolation text := current_setting('transaction_isolation');
  idempotency text := options->>'idempotencyKey';
  item jsonb; wanted jsonb; rest jsonb; kinds text[]; floor bigint; hit record; result jsonb;
BEGIN
  IF (conditions IS NOT NULL OR idempotency IS NOT NULL)
    AND (isolation = 'repeatable read' OR isolation = 'serializable' AND NOT coalesce((options->>'everyWriterIsSerializable')::boolean, false)) THEN
    RETURN jsonb_build_object('outcome', 'isolation', 'isolation', isolation);
  END IF;
${locksSql(table, maxLocks)}
  IF idempotency IS NOT NULL THEN
    SELECT jsonb_agg(${eventJson('e')} ORDER BY e.position) INTO result FROM ${table.sqlName} e WHERE e.idempotency_key = idempotency;
    IF result IS NOT NULL THEN
      RETURN jsonb_build_object('outcome', 'duplicate', 'events', result);
    END IF;
  END IF;
  IF conditions IS NOT NULL THEN
    FOR item IN SELECT c FROM jsonb_array_elements(conditions) c LOOP
      wanted := item->'identifier';
      floor := (item->>'after')::bigint;
      kinds := CASE WHEN item ? 'types' THEN ARRAY(SELECT jsonb_array_elements_text(item->'types')) END;
${checksSql(table)}
      IF FOUND THEN
        RETURN jsonb_build_object('outcome', 'conflict', 'conflicting', to_jsonb(hit));
      END IF;
    END LOOP;
  END IF;
  WITH inserted AS (
    INSERT INTO ${table.sqlName} (id, type, data, metadata, schema_version, idempotency_key, created_at, updated_at)
    SELECT e->>'id', e->>'type', e->'data', nullif(e->'metadata', 'null'), (e->>'schemaVersion')::integer, idempotency,
      coalesce((e->>'createdAt')::timestamptz, now()), coalesce((e->>'createdAt')::timestamptz, now())
    FROM jsonb_array_elements(new_events) WITH ORDINALITY AS given(e, n) ORDER BY n
    RETURNING position, created_at
  )
  SELECT jsonb_build_object('outcome', 'appended', 'rows', jsonb_agg(jsonb_build_array(position, ${epochMs('created_at')}) ORDER BY position))
    INTO result FROM inserted;
  RETURN result;
END
$event_sourcing$`,
    `COMMENT ON FUNCTION ${name}(jsonb, jsonb, jsonb) IS ${quoteLiteral(appendFunctionComment(table))}`,
  ]
}

/** Milliseconds as every driver reads them: as a number, whatever it does with dates. */
export function epochMs(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::float8`
}

/** A row of the events table as one JSON value. */
export function eventJson(alias: string): string {
  const columns = ['id', 'position', 'type', 'data', 'metadata'].map((column) => `'${column}', ${alias}.${column}`)
  return `jsonb_build_object(${columns.join(', ')}, 'schemaVersion', ${alias}.schema_version, 'createdAt', ${epochMs(`${alias}.created_at`)}, 'updatedAt', ${epochMs(`${alias}.updated_at`)})`
}

function locksSql(table: TableInfo, maxLocks: number): string {
  const scope = quoteLiteral(lockScope(table))
  const ordered = identifiersByLock(table.identifiers)
  const writer = [
    `('T:' || (e->>'type'), false)`,
    ...ordered.map(({ key, lock }) => `(${quoteLiteral(`I:${key}=`)} || (e->'data'->>${quoteLiteral(key)}), ${lock === 'exclusive'})`),
  ]
  const lead =
    ordered.length === 0
      ? 'NULL::text'
      : `CASE ${ordered.map(({ key }) => `WHEN c->'identifier' ? ${quoteLiteral(key)} THEN ${quoteLiteral(key)}`).join(' ')} END`
  return `
  PERFORM CASE WHEN l.is_exclusive THEN pg_advisory_xact_lock(l.key) IS NULL ELSE pg_advisory_xact_lock_shared(l.key) IS NULL END
  FROM (
    WITH wanted AS MATERIALIZED (
      SELECT '' AS name, false AS is_exclusive
      UNION ALL SELECT w.name, w.is_exclusive FROM jsonb_array_elements(new_events) e CROSS JOIN LATERAL (VALUES ${writer.join(', ')}) w(name, is_exclusive) WHERE w.name IS NOT NULL
      UNION ALL SELECT w.name, true FROM jsonb_array_elements(conditions) c
        CROSS JOIN LATERAL (SELECT ${lead} AS lead) p
        CROSS JOIN LATERAL (
          SELECT 'I:' || p.lead || '=' || v FROM jsonb_array_elements_text(c->'identifier'->p.lead) v
          UNION ALL SELECT 'T:' || v FROM jsonb_array_elements_text(CASE WHEN p.lead IS NULL THEN c->'types' END) v
          UNION ALL SELECT '' WHERE p.lead IS NULL AND NOT c ? 'types'
        ) w(name)
      UNION ALL SELECT 'P:' || v, true FROM jsonb_array_elements_text(options->'locks') v
      UNION ALL SELECT 'K:' || idempotency, true WHERE idempotency IS NOT NULL
    ), each AS (SELECT name, bool_or(is_exclusive) AS is_exclusive FROM wanted GROUP BY name)
    SELECT hashtextextended(${scope} || name COLLATE "C", 0) AS key, bool_or(is_exclusive OR name = '' AND (SELECT count(*) FROM each) > ${maxLocks}) AS is_exclusive
    FROM each WHERE name = '' OR (SELECT count(*) FROM each) <= ${maxLocks}
    GROUP BY 1 ORDER BY 1
  ) l;`
}

/** One branch for each declared identifier, so that each has a plan on its own index that is made once for a session. */
function checksSql(table: TableInfo): string {
  const columns = 'e.id, e.type, e.position'
  const isKind = '(kinds IS NULL OR e.type = ANY (kinds))'
  const first = (from: string, where: string): string =>
    `SELECT found.* INTO hit FROM ${from} v CROSS JOIN LATERAL (SELECT ${columns} FROM ${table.sqlName} e WHERE ${where} AND e.position > floor ORDER BY e.position LIMIT 1) found LIMIT 1;`
  const branches = identifiersByLock(table.identifiers).map(({ key }) => {
    const literal = quoteLiteral(key)
    return `wanted ? ${literal} THEN
        rest := wanted - ${literal};
        ${first(`jsonb_array_elements_text(wanted->${literal})`, `(e.data->>${literal}) = v AND ${isKind} AND ${remaining('rest')}`)}`
  })
  return `      IF ${[
    ...branches,
    `kinds IS NOT NULL THEN
        ${first('unnest(kinds)', `e.type = v AND ${remaining('wanted')}`)}`,
  ].join('\n      ELSIF ')}
      ELSE
        SELECT ${columns} INTO hit FROM ${table.sqlName} e WHERE e.position > floor AND ${remaining('wanted')} ORDER BY e.position LIMIT 1;
      END IF;`
}

/** Every further identifier of the item, declared or not. */
function remaining(expression: string): string {
  return `(${expression} = '{}' OR NOT EXISTS (SELECT FROM jsonb_each(${expression}) r(k, vs) WHERE NOT coalesce(vs ? (e.data->>r.k), false)))`
}
