/** Where a log without Redis lives, in the folder that its process was started in. */
export const DEFAULT_LOG_DIRECTORY = '.zenstack-live'
