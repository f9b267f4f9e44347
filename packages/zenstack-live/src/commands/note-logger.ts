import type { LiveLogger } from '../zenstack-live.ts'

/**
 * Notes what is wrong, with its facts, and not what goes well; each as one line, whatever a stranger put into a request.
 *
 * @param isJson - lines of JSON, for programs
 */
export function noteLogger(note: (line: string) => void, isJson = false): LiveLogger {
  const tell =
    (level: string) =>
    (message: string, facts: Record<string, unknown> = {}): void =>
      note(isJson ? JSON.stringify({ level, message, ...facts }) : `${message}${factsText(facts)}`)
  return { info: () => {}, warn: tell('warn'), error: tell('error') }
}

function factsText(facts: Record<string, unknown>): string {
  const texts = Object.entries(facts).map(([name, value]) => `${name}: ${isPlain(value) ? value : JSON.stringify(value)}`)
  return texts.length === 0 ? '' : ` (${texts.join(', ')})`
}

/** Text that neither ends a line nor moves a terminal's cursor. */
function isPlain(value: unknown): value is string {
  return typeof value === 'string' && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value)
}
