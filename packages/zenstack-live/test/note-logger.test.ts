import { describe, expect, it } from 'vitest'
import { noteLogger } from '../src/commands/note-logger.ts'

describe('what a command says of its work', () => {
  it('tells the facts behind a warning, and not what goes well', () => {
    const lines: string[] = []
    const { info, warn, error } = noteLogger((line) => lines.push(line))
    info('The capture is leading.')
    warn('The change log is long.')
    error('The capture failed and tries again.', { error: 'no route', retryInMs: 200 })
    expect(lines).toEqual(['The change log is long.', 'The capture failed and tries again. (error: no route, retryInMs: 200)'])
  })
})
