/** Name of the slot and of the publication, unless given. */
export const DEFAULT_CAPTURE_NAME = 'zenstack_live'
