import { setUpCapture } from '@zenstack-live/cdc'
import { freePort } from '@zenstack-live/testing'
import { describe, expect, inject, it } from 'vitest'

describe('a capture that cannot be set up', () => {
  const setUp = (url: string, slot: string): Promise<unknown> => setUpCapture({ url, tables: [], slot, publication: 'capture_error' })

  it('says so by its code, and names what is missing', async () => {
    const port = await freePort()
    const unreachable = setUp(`postgres://nobody@127.0.0.1:${port}/nothing`, 'capture_error')
    await expect(unreachable).rejects.toMatchObject({ code: 'capture_unavailable', message: expect.stringContaining(String(port)) as unknown })
    const misnamed = setUp(inject('postgresUrl'), 'Not a slot')
    await expect(misnamed).rejects.toMatchObject({ code: 'capture_unavailable', message: expect.stringContaining('Not a slot') as unknown })
  })
})
