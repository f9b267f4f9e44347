import { positionLsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

describe('the place a position says', () => {
  it('is its fifth part', () => {
    expect(positionLsn('1~log~2~9007199254740993-4~123456789012~signature.scope')).toBe(123456789012n)
  })

  it('is not guessed from other versions or other texts', () => {
    for (const text of ['', '2~log~2~9-4~12~s.c', '1~log~2~9-4', '1~log~2~9-4~x~s.c', '1~a~b~c~-5~s', 'opaque'])
      expect(positionLsn(text)).toBeUndefined()
  })
})
