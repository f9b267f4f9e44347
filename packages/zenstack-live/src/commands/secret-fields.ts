import type { CapturedTable } from '@zenstack-live/cdc'
import type { DataModel } from '@zenstack-live/model'
import type { Finding } from './examine.ts'

/** Names that people give to what nobody else should read. */
const SECRET = /passw|pwd|secret|token|salt|hash|api_?key|private_?key|credential|otp/i

/** Fields that look like secrets and whose values go to the change log. */
export function secretFields(data: DataModel, tables: readonly CapturedTable[]): Finding[] {
  return [...data.models.values()].flatMap((model) => {
    const table = tables.find(({ schema, name }) => schema === model.table.schema && name === model.table.name)
    if (table === undefined) return []
    const fields = [...model.fields.values()].filter((field) => field.type === 'String' && !field.isId && SECRET.test(field.name))
    const captured = fields.filter((field) => table.columns === undefined || table.columns.includes(field.column))
    return captured.map((field): Finding => {
      const name = `${model.name}.${field.name}`
      return {
        severity: 'warning',
        area: 'schema',
        message: `The values of ${name} go to the change log, and it looks like a secret.`,
        cure: `Mark it with @omit, or add "${name}" to \`exclude\` in zenstack-live.config.ts.`,
      }
    })
  })
}
