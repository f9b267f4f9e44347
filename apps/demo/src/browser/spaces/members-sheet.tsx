import { useLiveQuery } from '@zenstack-live/react'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { useRef, type JSX } from 'react'
import type { Space } from '../../../schema/generated/models.ts'
import { schema } from '../../../schema/generated/schema-lite.ts'
import { useDesk } from '../desk/desk.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { usePerson } from '../people/person.ts'
import { Sheet } from '../ui/sheet.tsx'
import { MemberRow } from './member-row.tsx'

/** Who is in the space. Managers add, remove, and change roles, and the other side of the page shows what that means. */
export function MembersSheet({ space, onClose }: { space: Pick<Space, 'id' | 'name'>; onClose: () => void }): JSX.Element {
  const { live } = useDesk()
  const { me, people, isManager } = usePerson()
  const queries = useClientQueries(schema)
  const add = queries.membership.useCreate()
  const remove = queries.membership.useDelete()
  const memberships = useLiveQuery(live.membership.findMany({ where: { spaceId: space.id }, include: { user: true }, orderBy: { joined: 'asc' } }))
  const list = useRef<HTMLDivElement>(null)
  useRowMotion(list, memberships.isSuccess)
  const members = memberships.data ?? []
  const others = people.filter((person) => !members.some(({ userId }) => userId === person.id))
  const addPerson = (userId: string): void => add.mutate({ data: { id: crypto.randomUUID(), spaceId: space.id, userId } })
  return (
    <Sheet label={`People in ${space.name}`} onClose={onClose}>
      <h3 className="sheet-title">People in {space.name}</h3>
      <div className="members" ref={list}>
        <ul aria-label="Members">
          {members.map(({ id, user }) => (
            <MemberRow
              key={user.id}
              person={user}
              action={isManager && user.id !== me.id ? { name: 'Remove', isDanger: true, run: () => remove.mutate({ where: { id } }) } : undefined}
            />
          ))}
        </ul>
        {others.length > 0 && (
          <>
            <h4>Not in this space</h4>
            <ul aria-label="Not in this space">
              {others.map((person) => (
                <MemberRow
                  key={person.id}
                  person={person}
                  action={isManager ? { name: 'Add', isDanger: false, run: () => addPerson(person.id) } : undefined}
                />
              ))}
            </ul>
          </>
        )}
      </div>
      <p className="muted">
        {isManager
          ? 'Remove somebody who sits on the other side, or change their role: their page follows in the same moment.'
          : 'Only managers change who is here.'}
      </p>
    </Sheet>
  )
}
