const REACH = 'Check that it runs, and that `database.url` (or DATABASE_URL) names its host, port, database, user and password.'

const CURES: readonly [said: RegExp, cure: string][] = [
  [
    /self-signed certificate|unable to (verify|get)/,
    'Name the file with the certificate of its authority in `database.url`: `?sslmode=verify-full&sslrootcert=/path/to/ca.pem`.',
  ],
  [/certificate's altnames/, 'Use the host name that its certificate is for in `database.url`.'],
  [/certificate has expired/, 'Give Postgres a new certificate.'],
  [/ENOENT|EACCES|no start line/i, 'Let `sslrootcert`, `sslcert` and `sslkey` in `database.url` name files of certificates that can be read.'],
  [/no encryption|SSL off/, 'Add `?sslmode=verify-full` to `database.url`: it lets this user in over TLS only.'],
  [/does not support SSL/, 'Switch TLS on in Postgres (`ssl = on`), or add `?sslmode=disable` to `database.url`.'],
]

/** What mends a connection to Postgres that failed. */
export function connectionCure(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return CURES.find(([said]) => said.test(text))?.[1] ?? REACH
}
