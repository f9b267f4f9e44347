import { isPositionBefore } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

describe('a position', () => {
  const at = '1~log~2~9-4~12~signature.scope'

  it('lies before another of the same log and epoch that has come further', () => {
    expect(isPositionBefore(at, '1~log~2~9-5~13~other.scope')).toBe(true)
    expect(isPositionBefore(at, at)).toBe(false)
    expect(isPositionBefore(at, '1~log~2~9-3~11~other.scope')).toBe(false)
  })

  it('is not known to where the log or the epoch is another, or either does not say', () => {
    for (const other of ['1~other~2~9-5~13~s.c', '1~log~3~9-5~13~s.c', '2~log~2~9-5~13~s.c', '', undefined]) {
      expect(isPositionBefore(at, other)).toBe(false)
      expect(isPositionBefore(other, '1~log~2~9-5~99~s.c')).toBe(false)
    }
  })
})
