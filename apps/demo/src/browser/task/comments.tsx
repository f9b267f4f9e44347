import { useLiveQuery } from '@zenstack-live/react'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { useRef, useState, type JSX } from 'react'
import { schema } from '../../../schema/generated/schema-lite.ts'
import { useDesk } from '../desk/desk.ts'
import { usePresence } from '../motion/use-presence.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { Avatar } from '../people/avatar.tsx'
import { usePerson } from '../people/person.ts'
import { formatMoment } from '../ui/format-moment.ts'
import { Icon } from '../ui/icon.tsx'

const LEAVE_MS = 300
const NONE: readonly never[] = []

export function Comments({ taskId }: { taskId: string }): JSX.Element {
  const { live } = useDesk()
  const { me, isManager } = usePerson()
  const comments = useLiveQuery(live.comment.findMany({ where: { taskId }, include: { author: true }, orderBy: { createdAt: 'asc' } }))
  const remove = useClientQueries(schema).comment.useDelete()
  const list = useRef<HTMLUListElement>(null)
  const present = usePresence(comments.data ?? NONE, LEAVE_MS)
  useRowMotion(list, comments.isSuccess)
  return (
    <div className="comments-section" role="group" aria-label="Comments">
      <h3>Comments</h3>
      {comments.data?.length === 0 && <p className="muted">Nobody has said anything yet.</p>}
      <ul ref={list}>
        {present.map(({ row, isLeaving }) => (
          <li key={row.id} data-row={isLeaving ? undefined : row.id} data-version={row.body} data-leaving={isLeaving} inert={isLeaving}>
            <Avatar face={row.author} size={26} />
            <div>
              <p className="by">
                <strong>{row.author.name}</strong> <time dateTime={row.createdAt.toISOString()}>{formatMoment(row.createdAt)}</time>
                {(row.authorId === me.id || isManager) && (
                  <button
                    type="button"
                    className="icon-button"
                    aria-label="Delete this comment"
                    onClick={() => remove.mutate({ where: { id: row.id } })}
                  >
                    <Icon name="close" />
                  </button>
                )}
              </p>
              <p>{row.body}</p>
            </div>
          </li>
        ))}
      </ul>
      <Composer taskId={taskId} />
    </div>
  )
}

function Composer({ taskId }: { taskId: string }): JSX.Element {
  const { me } = usePerson()
  const [body, setBody] = useState('')
  const create = useClientQueries(schema).comment.useCreate()
  const send = (): void => {
    if (body.trim() === '') return
    create.mutate({ data: { id: crypto.randomUUID(), taskId, authorId: me.id, body: body.trim() } })
    setBody('')
  }
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <Avatar face={me} size={26} />
      <input value={body} onChange={(event) => setBody(event.target.value)} placeholder="Write a comment" aria-label="Comment" maxLength={500} />
      <button type="submit" className="button" disabled={body.trim() === ''}>
        Send
      </button>
    </form>
  )
}
