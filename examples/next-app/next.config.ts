import type { NextConfig } from 'next'

const config: NextConfig = {
  // They run as they are in Node: a bundler would leave out what they load by name, and make a second Hono that does not know the first one's requests.
  serverExternalPackages: ['zenstack-live', '@zenstackhq/orm', '@zenstackhq/server', 'hono', 'pg'],
  // It would collect events before it sends them.
  compress: false,
}

export default config
