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

  it('keeps to one line for each, whatever was asked for', () => {
    const lines: string[] = []
    noteLogger((line) => lines.push(line)).warn('A query ended with an error.', { query: 'x\nAll is well.\u001b[2J\u2028', code: 'unknown_model' })
    expect(lines).toEqual(['A query ended with an error. (query: "x\\nAll is well.\\u001b[2J\u2028", code: unknown_model)'])
  })

  it('tells programs in JSON', () => {
    const lines: string[] = []
    noteLogger((line) => lines.push(line), true).warn('A live request was refused.', { path: '/a\nb', code: 'bad_json' })
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: 'warn', message: 'A live request was refused.', path: '/a\nb', code: 'bad_json' },
    ])
  })
})
