/*
 * What reads the answer of the first request, and all that comes after it: loaded as one file with the page, so that it is there long before the
 * network may be gone. SPEC.md, "What is loaded when", says what happens until then.
 */
export { ConnectionLife } from './connection-life.ts'
export { EventStream } from './event-stream.ts'
export { readJson } from './json-read.ts'
export { MachineRunner } from './machine-runner.ts'
export { followPage } from './page-events.ts'
export { refreshCredentials } from './refresh-credentials.ts'
export { shareStructure } from './share-structure.ts'
export { endOf, endOfAnswer, isRetryable, refusalIn } from './stream-end.ts'
