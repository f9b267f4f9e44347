import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { useRef, type JSX } from 'react'
import { Role, type Space } from '../../../schema/generated/models.ts'
import { schema } from '../../../schema/generated/schema-lite.ts'
import { useDesk } from '../desk/desk.ts'
import { useLiveQuery } from '../live.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { Avatar } from '../people/avatar.tsx'
import { usePerson } from '../people/person.ts'
import { ROLE_NAMES } from '../people/role-names.ts'
import { Sheet } from '../ui/sheet.tsx'

/** Who is in the space. Managers add, remove, and change roles, and the other side of the page shows what that means. */
export function MembersSheet({ space, onClose }: { space: Pick<Space, 'id' | 'name'>; onClose: () => void }): JSX.Element {
  const { live } = useDesk()
  const { me, people, isManager } = usePerson()
  const queries = useClientQueries(schema)
  const add = queries.membership.useCreate()
  const remove = queries.membership.useDelete()
  const memberships = useLiveQuery(live.membership.findMany({ where: { spaceId: space.id }, include: { user: true }, orderBy: { joined: 'asc' } }))
  const list = useRef<HTMLDivElement>(null)
  useRowMotion(list)
  const members = memberships.data ?? []
  const others = people.filter((person) => !members.some(({ userId }) => userId === person.id))
  return (
    <Sheet label={`People in ${space.name}`} onClose={onClose}>
      <h3 className="sheet-title">People in {space.name}</h3>
      <div className="members" ref={list}>
        <ul aria-label="Members">
          {members.map(({ id, user }) => (
            <li key={user.id} data-row={user.id} data-version={user.role}>
              <Avatar face={user} size={32} />
              <span className="who">
                <strong>{user.name}</strong>
                <RoleField person={user} isEditable={isManager} />
              </span>
              {isManager && user.id !== me.id && (
                <button type="button" className="button quiet danger" onClick={() => remove.mutate({ where: { id } })} aria-label={`Remove ${user.name}`}>
                  Remove
                </button>
              )}
            </li>
          ))}
        </ul>
        {others.length > 0 && <h4>Not in this space</h4>}
        <ul aria-label="Not in this space">
          {others.map((person) => (
            <li key={person.id} data-row={person.id} data-version={person.role}>
              <Avatar face={person} size={32} />
              <span className="who">
                <strong>{person.name}</strong>
                <RoleField person={person} isEditable={isManager} />
              </span>
              {isManager && (
                <button
                  type="button"
                  className="button quiet"
                  onClick={() => add.mutate({ data: { id: crypto.randomUUID(), spaceId: space.id, userId: person.id } })}
                  aria-label={`Add ${person.name}`}
                >
                  Add
                </button>
              )}
            </li>
          ))}
        </ul>
      </div>
      <p className="muted">
        {isManager
          ? 'Remove somebody who sits on the other side, or change their role: their page follows in the same moment.'
          : 'Only managers change who is here.'}
      </p>
    </Sheet>
  )
}

function RoleField({ person, isEditable }: { person: { id: string; name: string; role: Role }; isEditable: boolean }): JSX.Element {
  const update = useClientQueries(schema).user.useUpdate({ optimisticUpdate: true })
  if (!isEditable) return <span className="muted">{ROLE_NAMES[person.role]}</span>
  return (
    <select
      className="role-field"
      aria-label={`Role of ${person.name}`}
      value={person.role}
      onChange={(event) => {
        const role = Object.values(Role).find((name) => name === event.target.value)
        if (role !== undefined) update.mutate({ where: { id: person.id }, data: { role } })
      }}
    >
      {Object.values(Role).map((role) => (
        <option key={role} value={role}>
          {ROLE_NAMES[role]}
        </option>
      ))}
    </select>
  )
}
