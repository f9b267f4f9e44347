import { act } from '@testing-library/react'
import { useLiveQuery } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import type { ReactElement } from 'react'
import { vi } from 'vitest'
import { createHarness, pass, snapshot, type Harness } from './harness.tsx'

export interface Board {
  harness: Harness
  /** What each render showed. */
  frames: string[]
  update(id: string, title: string): Promise<unknown>
  create(data: { id?: string; title: string }): Promise<unknown>
  remove(id: string): Promise<unknown>
}

export interface BoardOptions {
  isOptimistic?: boolean
  /** Whether the code of own writes has arrived. */
  isCodeThere?: boolean
  identity?: () => string | null
}

/** A list of tasks with ZenStack's own mutation hooks beside it, live at place 5 with tasks a and b. */
export async function openBoard({ isOptimistic = true, isCodeThere = true, identity = () => null }: BoardOptions = {}): Promise<Board> {
  const harness = createHarness({ identity })
  const frames: string[] = []
  const board: Partial<Board> = {}
  function List(): ReactElement {
    const { data: tasks } = useLiveQuery(harness.live.task.findMany())
    const hooks = useClientQueries(schema).task
    const update = hooks.useUpdate({ optimisticUpdate: isOptimistic })
    const create = hooks.useCreate({ optimisticUpdate: isOptimistic })
    const remove = hooks.useDelete({ optimisticUpdate: isOptimistic })
    board.update = (id, title) => update.mutateAsync({ where: { id }, data: { title } }).catch((error: unknown) => error)
    // Whatever else a task needs does not matter here.
    board.create = (data) => create.mutateAsync({ data } as Parameters<typeof create.mutateAsync>[0]).catch((error: unknown) => error)
    board.remove = (id) => remove.mutateAsync({ where: { id } }).catch((error: unknown) => error)
    const text = tasks?.map((task) => `${task.title}${task.$optimistic === true ? '*' : ''}`).join(' ') ?? ''
    if (frames.at(-1) !== text) frames.push(text)
    return <p>{text}</p>
  }
  harness.show(<List />)
  await pass()
  if (isCodeThere) await vi.dynamicImportSettled()
  showBoard(harness, 0)
  // Where something is mocked, an import takes its time, even of what is there: time that passes by itself.
  while (frames.at(-1) !== 'A B') await act(() => new Promise((resolve) => setTimeout(resolve, 10)))
  frames.length = 0
  frames.push('A B')
  return { harness, frames, ...board } as Board
}

/** Gives a stream the tasks a and b, at place 5. */
export function showBoard(harness: Harness, stream: number): void {
  harness.connection(stream).send(
    ...snapshot(harness.id(), 5, [
      { id: 'a', title: 'A' },
      { id: 'b', title: 'B' },
    ]),
  )
  harness.connection(stream).endBatch(5)
}

/** An answer that says where its write ends. */
export const COMMIT = (lsn: number): ResponseInit => ({ headers: { 'x-zenstack-live-commit': `0/${lsn.toString(16)}` } })
