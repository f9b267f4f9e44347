/** Longer than anything takes that goes well, also on a busy machine. */
export const PATIENCE_MS = 30_000
