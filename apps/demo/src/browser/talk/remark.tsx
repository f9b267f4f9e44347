import type { JSX } from 'react'
import type { Comment, Task, User } from '../../../schema/generated/models.ts'
import { Avatar } from '../people/avatar.tsx'
import { formatMoment } from '../ui/format-moment.ts'

interface RemarkProps {
  remark: Pick<Comment, 'id' | 'body' | 'createdAt'> & { author: Pick<User, 'name' | 'hue'>; task: Pick<Task, 'title'> }
  onOpen: () => void
}

/** What somebody said, and about what. */
export function Remark({ remark: { id, body, createdAt, author, task }, onOpen }: RemarkProps): JSX.Element {
  return (
    <li data-row={id} data-version={body}>
      <Avatar face={author} size={28} />
      <div>
        <p className="by">
          <strong>{author.name}</strong>
          <button type="button" className="about" onClick={onOpen}>
            {task.title}
          </button>
          <time dateTime={createdAt.toISOString()}>{formatMoment(createdAt)}</time>
        </p>
        <p>{body}</p>
      </div>
    </li>
  )
}
