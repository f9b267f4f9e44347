import { LiveError } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'
import { deferStreams, type Deferral, type UntypedStreamCalls } from '../src/defer-streams.ts'

const OPTIONS = { model: 'User', id: 'mail', created: {} }
const AWAY = new LiveError('log_unavailable', 'Redis does not answer.')

function scene(failures: Error[]) {
  const closed = new AbortController()
  const handled: object[] = []
  const opened = {
    stream: () => ({
      async *[Symbol.asyncIterator]() {
        yield 'event'
        return undefined
      },
    }),
    handle: (options: object) => {
      handled.push(options)
      return { ended: Promise.resolve(), close: async () => {} }
    },
  } as unknown as UntypedStreamCalls
  const open = vi.fn<Deferral['open']>(async () => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    return opened
  })
  const onWaiting = vi.fn<Deferral['onWaiting']>()
  const onNotHandled = vi.fn<Deferral['onNotHandled']>()
  return { calls: deferStreams({ open, onWaiting, onNotHandled, signal: closed.signal }), open, onWaiting, onNotHandled, handled, closed }
}

const always = (error: Error): Error[] => Array.from({ length: 1_000 }, () => error)

describe('streams that are begun before the database or Redis is up', { timeout: 60_000 }, () => {
  it('wait for it together, say for what, and run when it is there', async () => {
    const away = new LiveError('database_unavailable', 'Postgres does not answer.')
    const { calls, open, onWaiting, onNotHandled, handled } = scene([away, AWAY])
    const handles = [calls.handle(OPTIONS, () => {}), calls.handle(OPTIONS, () => {})]
    const events: unknown[] = []
    for await (const event of calls.stream(OPTIONS)) events.push(event)
    await Promise.all(handles.map(({ ended }) => ended))
    expect([events, handled]).toEqual([['event'], [OPTIONS, OPTIONS]])
    expect(open).toHaveBeenCalledTimes(3)
    expect(onWaiting.mock.calls).toEqual([
      ['database', away],
      ['log', AWAY],
    ])
    expect(onNotHandled).not.toHaveBeenCalled()
  })

  it('end where what fails does not pass', async () => {
    const { calls, onNotHandled } = scene([AWAY, new TypeError('No such thing.')])
    await expect(calls.handle(OPTIONS, () => {}).ended).rejects.toThrow('No such thing.')
    expect(onNotHandled).toHaveBeenCalledTimes(1)
  })

  it('end while they wait when they are closed, their signal aborts, or all is closed', async () => {
    const { calls, handled, onWaiting, closed } = scene(always(AWAY))
    await calls.handle({ ...OPTIONS, signal: AbortSignal.abort() }, () => {}).ended
    const stop = new AbortController()
    const [one, two, three] = [
      calls.handle(OPTIONS, () => {}),
      calls.handle({ ...OPTIONS, signal: stop.signal }, () => {}),
      calls.handle(OPTIONS, () => {}),
    ]
    const stream = calls.stream(OPTIONS)
    const loop = (async () => {
      for await (const event of stream) throw new Error(`There is no ${String(event)}.`)
    })()
    await vi.waitFor(() => expect(onWaiting).toHaveBeenCalled(), 30_000)
    await Promise.all([one.close(), stream.close(), loop])
    await one.ended
    stop.abort()
    await two.ended
    closed.abort()
    await three.ended
    expect(handled).toEqual([])
  })
})
