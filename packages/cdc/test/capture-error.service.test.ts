import { createServer, type AddressInfo } from 'node:net'
import { setUpCapture } from '@zenstack-live/cdc'
import { freePort } from '@zenstack-live/testing'
import { describe, expect, inject, it } from 'vitest'

describe('a capture that cannot be set up', () => {
  const setUp = (url: string, slot: string): Promise<unknown> => setUpCapture({ url, tables: [], slot, publication: 'capture_error' })

  it('says so by its code, and names what is missing', async () => {
    const port = await freePort()
    const unreachable = setUp(`postgres://nobody@127.0.0.1:${port}/nothing`, 'capture_error')
    await expect(unreachable).rejects.toMatchObject({ code: 'capture_unavailable', message: expect.stringContaining(String(port)) as unknown })
    const pooler = createServer((socket) => {
      // PgBouncer's answer to settings that it does not pass on.
      socket.once('data', () => socket.end(refusal('08P01', 'unsupported startup parameter in options: search_path')))
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => pooler.listen(0, '127.0.0.1', resolve))
    const pooled = setUp(`postgres://nobody@127.0.0.1:${(pooler.address() as AddressInfo).port}/app`, 'capture_error')
    await expect(pooled).rejects.toMatchObject({ problem: { kind: 'pooler', cure: expect.stringContaining('direct connection string') as unknown } })
    pooler.close()
    const misnamed = setUp(inject('postgresUrl'), 'Not a slot')
    await expect(misnamed).rejects.toMatchObject({ code: 'capture_unavailable', message: expect.stringContaining('Not a slot') as unknown })
  })
})

/** @see https://www.postgresql.org/docs/current/protocol-error-fields.html */
function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
  const head = Buffer.alloc(5, 'E')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}
