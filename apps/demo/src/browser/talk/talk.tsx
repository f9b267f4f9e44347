import { useLiveInfiniteQuery, useLiveQuery } from '@zenstack-live/react'
import { useEffect, useRef, type JSX } from 'react'
import { useDesk } from '../desk/desk.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { usePerson } from '../people/person.ts'
import { Avatar } from '../people/avatar.tsx'
import { Skeleton, SkeletonRows } from '../ui/skeleton.tsx'
import { Remark } from './remark.tsx'

const PAGE_ROWS = 15

/** All that was said in a space, newest first: an endless list of which each page stays right while rows come and go above it. */
export function Talk({ spaceId, onOpen }: { spaceId: string; onOpen: (taskId: string) => void }): JSX.Element {
  const { live } = useDesk()
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage } = useLiveInfiniteQuery(
    live.comment.findMany({ where: { task: { spaceId } }, include: { author: true, task: true }, orderBy: { createdAt: 'desc' }, take: PAGE_ROWS }),
  )
  const list = useRef<HTMLOListElement>(null)
  useRowMotion(list, data?.pages.length ?? 0)
  const remarks = data?.pages.flat()
  return (
    <div className="talk">
      <Speakers spaceId={spaceId} />
      {remarks === undefined && (
        <Skeleton failure={error}>
          <SkeletonRows count={6} />
        </Skeleton>
      )}
      {remarks?.length === 0 && <p className="empty">Nobody has said anything yet. Open a task and write the first comment.</p>}
      <ol ref={list} aria-label="Comments, newest first">
        {remarks?.map((remark) => (
          <Remark key={remark.id} remark={remark} onOpen={() => onOpen(remark.taskId)} />
        ))}
      </ol>
      {hasNextPage && <Older key={data?.pages.length} isLoading={isFetchingNextPage} onWanted={fetchNextPage} />}
      {remarks !== undefined && remarks.length > PAGE_ROWS && !hasNextPage && <p className="end">That is where it began.</p>}
    </div>
  )
}

/** Who says how much: a group each, counted by the database. */
function Speakers({ spaceId }: { spaceId: string }): JSX.Element | null {
  const { live } = useDesk()
  const { people } = usePerson()
  const counts = useLiveQuery(live.comment.groupBy({ by: ['authorId'], where: { task: { spaceId } }, _count: true }))
  const groups = counts.data?.toSorted((a, b) => b._count - a._count) ?? []
  return (
    <ul className="speakers" aria-label="Comments by person">
      {groups.map(({ authorId, _count }) => {
        const person = people.find(({ id }) => id === authorId)
        return (
          person !== undefined && (
            <li key={authorId}>
              <Avatar face={person} size={20} />
              {person.name.split(' ')[0]} <span className="count">{_count}</span>
            </li>
          )
        )
      })}
    </ul>
  )
}

/** Asks for the next page when it comes into view, or when it is pressed. */
function Older({ isLoading, onWanted }: { isLoading: boolean; onWanted: () => void }): JSX.Element {
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting === true && onWanted(), { rootMargin: '200px' })
    if (button.current !== null) observer.observe(button.current)
    return () => observer.disconnect()
  }, [onWanted])
  return (
    <button ref={button} type="button" className="button quiet older" disabled={isLoading} onClick={onWanted}>
      {isLoading ? 'Looking further back…' : 'Older'}
    </button>
  )
}
