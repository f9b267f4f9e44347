import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import type { JSX } from 'react'
import { Role, type User } from '../../../schema/generated/models.ts'
import { schema } from '../../../schema/generated/schema-lite.ts'
import { Avatar } from '../people/avatar.tsx'
import { usePerson } from '../people/person.ts'
import { ROLE_NAMES } from '../people/role-names.ts'
import { useChoice } from '../ui/use-choice.ts'

interface MemberRowProps {
  person: Pick<User, 'id' | 'name' | 'hue' | 'role'>
  action: { name: string; isDanger: boolean; run: () => void } | undefined
}

export function MemberRow({ person, action }: MemberRowProps): JSX.Element {
  return (
    <li data-row={person.id} data-version={person.role}>
      <Avatar face={person} size={32} />
      <span className="who">
        <strong>{person.name}</strong>
        <RoleField person={person} />
      </span>
      {action !== undefined && (
        <button
          type="button"
          className={`button quiet ${action.isDanger ? 'danger' : ''}`}
          onClick={action.run}
          aria-label={`${action.name} ${person.name}`}
        >
          {action.name}
        </button>
      )}
    </li>
  )
}

function RoleField({ person }: Pick<MemberRowProps, 'person'>): JSX.Element {
  const { isManager } = usePerson()
  const update = useClientQueries(schema).user.useUpdate({ optimisticUpdate: true })
  const [role, setRole] = useChoice(person.role, (next) => update.mutate({ where: { id: person.id }, data: { role: next } }))
  if (!isManager) return <span className="muted">{ROLE_NAMES[person.role]}</span>
  return (
    <select
      className="role-field"
      aria-label={`Role of ${person.name}`}
      value={role}
      onChange={(event) => {
        const next = Object.values(Role).find((name) => name === event.target.value)
        if (next !== undefined) setRole(next)
      }}
    >
      {Object.values(Role).map((name) => (
        <option key={name} value={name}>
          {ROLE_NAMES[name]}
        </option>
      ))}
    </select>
  )
}
