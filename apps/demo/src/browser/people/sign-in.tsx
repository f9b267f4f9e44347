import type { JSX } from 'react'
import { useDesk } from '../desk/desk.ts'
import { Avatar } from './avatar.tsx'
import { useDirectory } from './directory.ts'

export function SignIn(): JSX.Element {
  const desk = useDesk()
  const people = useDirectory()
  return (
    <div className="sign-in">
      <h2>Who sits here?</h2>
      <p>No passwords in a demo. What each of them may see is real.</p>
      <ul>
        {people.map((person) => (
          <li key={person.id}>
            <button
              type="button"
              onClick={() => {
                desk.session.signIn(person.id).catch((error: unknown) => desk.notices.add(String(error)))
              }}
            >
              <Avatar face={person} size={36} />
              <span>
                <strong>{person.name}</strong>
                <span>{person.title}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
