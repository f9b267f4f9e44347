import { EXIT_CODES, type Command } from './command.ts'
import { noteLogger } from './note-logger.ts'
import { parseOptions, readConfig } from './parse-options.ts'
import { readPort } from './read-port.ts'
import { serveEdge } from '../serve-edge.ts'
import { createStyle } from './style.ts'

export const command: Command = {
  summary: 'Serves live queries over HTTP, for the people that `getClient` knows.',
  usage: `Usage: zenstack-live edge [--port <number>] [--base <path>] [--config <file>] [--json]

  --port   where it listens; PORT, or 4000
  --base   path of the live queries; /api/live

GET /health answers 200 while queries can be opened, and 503 with the reasons while they cannot. SIGTERM sends every stream elsewhere before it ends.`,
  async run(context) {
    const { values } = parseOptions(context, { port: { type: 'string' }, base: { type: 'string' } })
    const port = readPort(values.port ?? context.env['PORT'])
    const config = await readConfig(context, values.config)
    const edge = await serveEdge(config, {
      ...(port === undefined ? {} : { port }),
      ...(values.base === undefined ? {} : { base: values.base }),
      logger: noteLogger(context.note),
    })
    const { good } = createStyle(context.hasColors)
    context.print(values.json ? JSON.stringify({ url: edge.url }) : `${good('✔')} Serving live queries at ${edge.url}${values.base ?? '/api/live'}`)
    if (!context.signal.aborted) await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }))
    await edge.close()
    return EXIT_CODES.ok
  },
}
