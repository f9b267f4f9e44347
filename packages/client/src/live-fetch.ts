/** What `fetch` is to this client, and to ZenStack's hooks. */
export type LiveFetch = (url: string, init?: RequestInit) => Promise<Response>
