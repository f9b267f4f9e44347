/** @internal What `@zenstack-live/react` builds on. Not for applications: it changes without notice. */
export { internals, type LiveClientInternals, type Write } from './create-live-client.ts'
export { createDescriptors } from './descriptor.ts'
export { readJson, type JsonRead, type ResumePoint } from './json-read.ts'
export { LiveStore } from './live-store.ts'
export { loadLater } from './load-later.ts'
export { wireOf, type AnyDescriptor } from './wire-of.ts'
