/*
 * What first results do not need: loaded beside them as one file, while the first stream opens, so that it is there long before the network
 * may be gone. SPEC.md, "What is loaded when", says what happens until then.
 */
export { ConnectionLife } from './connection-life.ts'
export { readJson } from './json-read.ts'
export { applyBuffer, shareView, takeLater } from './later-frames.ts'
export { MachineRunner } from './machine-runner.ts'
export { followPage } from './page-events.ts'
export { refreshCredentials } from './refresh-credentials.ts'
export { shareResult } from './share-result.ts'
export { shareStructure } from './share-structure.ts'
export { endOf, endOfAnswer, isRetryable, refusalIn } from './stream-end.ts'
