import { getQueryKey } from '@zenstackhq/tanstack-query/react'
import { describe, expect, it } from 'vitest'
import { queryKeyOf } from '../src/query-key.ts'

describe('the key of a live query', () => {
  it.each([undefined, true, false])('is the one that ZenStack’s hooks give it, optimistic or not (%s)', (optimisticUpdate) => {
    const args = { where: { title: 'x' }, take: 1 }
    const theirs =
      optimisticUpdate === undefined
        ? getQueryKey('Task', 'findMany', args)
        : getQueryKey('Task', 'findMany', args, { infinite: false, optimisticUpdate })
    expect(queryKeyOf('Task', 'findMany', args, optimisticUpdate)).toEqual(theirs)
  })
})
