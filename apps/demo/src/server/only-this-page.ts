import type { MiddlewareHandler } from 'hono'

/**
 * The demo hands out SQL and sign-in to whoever asks, so only its own page may ask: another site open in the same browser can
 * reach `localhost` too, and a name of its own can be made to point here.
 */
export function onlyThisPage(): MiddlewareHandler {
  return async (context, next) => {
    const host = new URL(context.req.url).hostname
    const origin = context.req.header('origin')
    const isOurHost = host === 'localhost' || host === '127.0.0.1' || host === '[::1]'
    const isOurOrigin = origin === undefined || (URL.canParse(origin) && new URL(origin).host === context.req.header('host'))
    const site = context.req.header('sec-fetch-site')
    if (!isOurHost || !isOurOrigin || (site !== undefined && site !== 'same-origin' && site !== 'none')) return context.text('Not from here.', 403)
    return next()
  }
}
