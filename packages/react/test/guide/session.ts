/** Stands in for an app's session. */
export const session = {
  userId: 'bob' as string | null,
  token: 'first',
  refresh: async (): Promise<void> => {
    session.token = 'second'
  },
  fetch: (url: string, init?: RequestInit): Promise<Response> => fetch(url, init),
}
