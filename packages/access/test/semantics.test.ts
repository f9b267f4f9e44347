import { expect, it } from 'vitest'
import { semantics } from './support/semantics.ts'

it('is what docs/semantics.md says', async () => {
  await expect(semantics()).toMatchFileSnapshot('../../../docs/semantics.md')
}, 60_000)
