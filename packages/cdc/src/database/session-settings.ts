/** The text of values depends on these, so the role's and the database's own settings must not count. */
export const VALUE_SETTINGS: readonly string[] = [
  'TimeZone=UTC',
  'DateStyle=ISO',
  'IntervalStyle=iso_8601',
  'bytea_output=hex',
  'extra_float_digits=1',
  'lc_monetary=C',
  'search_path=pg_catalog',
  'statement_timeout=0',
]
