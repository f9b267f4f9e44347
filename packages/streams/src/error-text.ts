const NO_TEXT = 'an error that cannot be made text'

/** What was thrown, as text. Never throws, whatever that is: objects without a prototype and mistaken `toString`s are thrown too. */
export function errorText(error: unknown): string {
  return textOf(() => String(error))
}

/** With its stack, where it has one. Never throws either. */
export function errorStack(error: unknown): string {
  return textOf(() => {
    const stack: unknown = error instanceof Error ? error.stack : undefined
    return typeof stack === 'string' ? stack : String(error)
  })
}

function textOf(read: () => string): string {
  try {
    return read()
  } catch {
    return NO_TEXT
  }
}
