import type { LiveLogger } from '../zenstack-live.ts'

/** Notes what is wrong, with its facts, and not what goes well. */
export function noteLogger(note: (line: string) => void): LiveLogger {
  const tell = (message: string, facts?: Record<string, unknown>): void => note(facts === undefined ? message : `${message} ${factsText(facts)}`)
  return { info: () => {}, warn: tell, error: tell }
}

function factsText(facts: Record<string, unknown>): string {
  const texts = Object.entries(facts).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `(${texts.join(', ')})`
}
