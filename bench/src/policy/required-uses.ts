import { CONSTRUCTS } from './generate-policy.ts'

/** Every construct of policies, keys of one column and of several, and everything a change can mean. */
export const REQUIRED_USES: readonly string[] = [
  ...CONSTRUCTS,
  'keys of one column',
  'keys of several columns',
  ...['enter', 'leave', 'update', 'none'].map((kind) => `change: ${kind}`),
]
