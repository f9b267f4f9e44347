import type { Model } from '@zenstack-live/model'
import { describe, expect, it } from 'vitest'
import { isOmitted } from '../src/queries/omitted-field.ts'

const FIELDS = new Map([
  ['name', { isOmitted: false }],
  ['password', { isOmitted: true }],
])
const user = { name: 'UserAccount', fields: FIELDS } as unknown as Model
const omitted = (clientOmit: unknown, omit?: unknown): string[] =>
  [...FIELDS.keys()].filter((name) => isOmitted(user, name, { omit, clientOptions: { omit: clientOmit } }))

// As ZenStack's `shouldOmitField` does it.
describe('a field that reads leave out', () => {
  it('is what the schema says, where neither the query nor the client says otherwise', () => {
    expect(omitted(undefined)).toEqual(['password'])
    expect(omitted({ userAccount: { name: true, password: false } })).toEqual(['name'])
    expect(omitted({ userAccount: { name: true } }, { name: false, password: undefined })).toEqual(['password'])
  })

  it('is what the client says under either name of the model, of both under the one that ZenStack looks at first', () => {
    expect(omitted({ UserAccount: { name: true } })).toEqual(['name', 'password'])
    expect(omitted({ UserAccount: { name: true }, userAccount: {} })).toEqual(['password'])
  })
})
