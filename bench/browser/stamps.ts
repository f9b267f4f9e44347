/**
 * When each numbered write was seen in this page: its bytes by the code that reads the stream, its text in the DOM, the picture
 * on the screen. Times are milliseconds since 1970, to a few microseconds.
 */
interface Stamps {
  frames: [number: number, at: number][]
  renders: [number: number, at: number][]
  paints: [number: number, at: number][]
}

declare global {
  interface Window {
    stamps: Stamps
    clock(): number
  }
}

window.stamps = { frames: [], renders: [], paints: [] }
window.clock = () => performance.timeOrigin + performance.now()

/** A fetch whose streams are looked at on their way: the bytes themselves are left alone. */
export const stampedFetch = async (url: string, init?: RequestInit): Promise<Response> => {
  const response = await fetch(url, init)
  if (response.body === null || response.headers.get('content-type')?.includes('event-stream') !== true) return response
  const decoder = new TextDecoder()
  const look = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const at = window.clock()
      controller.enqueue(chunk)
      for (const number of numbersIn(decoder.decode(chunk, { stream: true }))) window.stamps.frames.push([number, at])
    },
  })
  return new Response(response.body.pipeThrough(look), response)
}

let unpainted: number[] = []
const afterPaint = new MessageChannel()
afterPaint.port1.addEventListener('message', () => {
  const at = window.clock()
  for (const number of unpainted) window.stamps.paints.push([number, at])
  unpainted = []
})
afterPaint.port1.start()

/** The DOM shows this text now. */
export function stampRender(text: string): void {
  const at = window.clock()
  for (const number of numbersIn(text)) {
    window.stamps.renders.push([number, at])
    // A message that is sent from an animation frame arrives after that frame was painted.
    if (unpainted.length === 0) requestAnimationFrame(() => afterPaint.port2.postMessage(undefined))
    unpainted.push(number)
  }
}

function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(/write (\d+);/g), ([, digits]) => Number(digits))
}
