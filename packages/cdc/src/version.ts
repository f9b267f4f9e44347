/** Written into every event's `source.version`. */
export const VERSION = '0.1.0'
