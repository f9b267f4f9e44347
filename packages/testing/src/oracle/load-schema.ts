import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { loadDocument } from '@zenstackhq/language'
import { ExpressionUtils, type SchemaDef } from '@zenstackhq/schema'
import { TsSchemaGenerator } from '@zenstackhq/sdk'

/** ZenStack refuses a schema. */
export class SchemaProblem extends Error {
  override readonly name = 'SchemaProblem'
  /** Lines of the ZModel text that it complains about, counted from 1. */
  readonly lines: readonly number[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.lines = problems.map((problem) => Number(/schema\.zmodel:(\d+)/.exec(problem)?.[1] ?? 0))
  }
}

const HEAD = `datasource db { provider = 'postgresql' url = 'postgres://unused' }
plugin policy { provider = '@zenstackhq/plugin-policy' }
`
/** Lines that stand before the given text. */
export const HEAD_LINES = HEAD.split('\n').length - 1

/**
 * The schema as an application gets it: read and checked by ZenStack's language, written by its generator.
 *
 * @param models - ZModel text without data source and plugin
 * @param options.isLite - the one for browsers
 * @throws {SchemaProblem} when ZenStack refuses it
 */
export async function loadSchema(models: string, options: { isLite?: boolean } = {}): Promise<SchemaDef> {
  const folder = mkdtempSync(join(tmpdir(), 'zenstack-live-schema-'))
  try {
    const file = join(folder, 'schema.zmodel')
    writeFileSync(file, HEAD + models)
    const policyModel = join(dirname(createRequire(import.meta.url).resolve('@zenstackhq/plugin-policy')), '..', 'plugin.zmodel')
    const loaded = await loadDocument(file, [policyModel])
    if (!loaded.success) throw new SchemaProblem(loaded.errors.map(String))
    await new TsSchemaGenerator().generate(loaded.model, { outDir: folder, lite: options.isLite === true })
    return evaluate(readFileSync(join(folder, options.isLite === true ? 'schema-lite.ts' : 'schema.ts'), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The generated module imports only `@zenstackhq/schema`; a temporary folder has no packages to import from. */
function evaluate(source: string): SchemaDef {
  const script = stripTypeScriptTypes(source)
    .replaceAll(/^import .*$/gm, '')
    .replaceAll(/^export /gm, '')
  // eslint-disable-next-line typescript/no-implied-eval -- the text was just written by ZenStack's own generator
  const make = new Function('ExpressionUtils', `${script}\nreturn schema`) as (utils: typeof ExpressionUtils) => SchemaDef
  return make(ExpressionUtils)
}
