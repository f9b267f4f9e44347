// #region live
import { createLiveClient } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { session } from './session.ts'

export const live = createLiveClient(schema, {
  endpoint: 'http://app.example/api/live',
  // Who is asking. When this changes, everything of the person before is gone before the next render.
  identity: () => session.userId,
  // Asked again for each request, so that a fresh token is sent.
  headers: () => ({ authorization: `Bearer ${session.token}` }),
  // The server says when a token is no longer good; the stream goes on where it was.
  onAuthExpired: () => session.refresh(),
  fetch: (url, init) => session.fetch(url, init),
})
// #endregion
