/** Body of the answer to `POST {base}/{model}/{operation}?q=&meta=`: what the same URL is let in by as a stream, as its parameter `access`. */
export interface AccessAnswer {
  access: string
  /** Until when, in milliseconds since 1970. */
  expiresAtMs: number
}
