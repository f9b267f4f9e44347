import { dirname, relative, sep } from 'node:path'
import type { SchemaDef } from '@zenstackhq/schema'

/** A few lines that belong in one place. */
export interface PasteLines {
  place: string
  lines: string[]
}

export interface PasteFacts {
  schema: SchemaDef
  /** The generated schema, where it is known. */
  schemaFile: string | undefined
  directory: string
  hasRedis: boolean
  base: string
}

/** What makes an application live that has ZenStack's Hono adapter and React hooks. */
export function pasteLines({ schema, schemaFile, directory, hasRedis, base }: PasteFacts): PasteLines[] {
  const model = exampleModel(schema)
  const folder = schemaFile === undefined ? 'zenstack' : relative(directory, dirname(schemaFile))
  // As imports have it, also on Windows.
  const lite = ['.', ...folder.split(sep).filter((part) => part !== ''), 'schema-lite'].join('/')
  const redis = hasRedis ? ", redis: { url: process.env['REDIS_URL'] }" : ''
  return [
    { place: 'In a terminal', lines: ['npm install zenstack-live @zenstack-live/react'] },
    {
      place: 'On the server, beside the ZenStack you have',
      lines: [
        importLine('ZenStackLive', 'zenstack-live'),
        importLine('commitPosition, createHonoLiveHandler', 'zenstack-live/hono'),
        `const live = new ZenStackLive({ client: db${redis} })`,
        `app.use('${base}/*', createHonoLiveHandler({ live, getClient }))`,
        `app.use('/api/model/*', commitPosition(live), createHonoHandler({ … }))   // the line you have, with commitPosition(live) in it`,
      ],
    },
    {
      place: 'In the browser, around your app',
      lines: [
        importLine('createLiveClient, LiveProvider, useLiveQueries', '@zenstack-live/react'),
        `${importLine('schema', lite)}   // as seen from here; \`lite = true\` in the typescript plugin of your .zmodel writes it`,
        `const live = createLiveClient(schema, { endpoint: '${base}', identity: () => userId })`,
        `<LiveProvider client={live}><QuerySettingsProvider value={{ endpoint: '/api/model', fetch: live.fetch }}> … `,
      ],
    },
    { place: 'And each list that is to be live', lines: [`useLiveQueries(schema).${model}.useFindMany()   // was useClientQueries(schema)`] },
  ]
}

function importLine(names: string, from: string): string {
  return `import { ${names} } from '${from}'`
}

/** A model to show things with, as URLs and clients name it. */
export function exampleModel(schema: SchemaDef): string {
  const names = Object.keys(schema.models)
  const name = names.find((candidate) => schema.authType !== candidate) ?? names[0] ?? 'Task'
  return name.charAt(0).toLowerCase() + name.slice(1)
}
