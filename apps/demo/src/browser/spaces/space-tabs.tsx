import type { JSX } from 'react'
import type { Space } from '../../../schema/generated/models.ts'
import { usePerson } from '../people/person.ts'
import { useDesk } from '../desk/desk.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { useRef } from 'react'

interface SpaceTabsProps {
  spaces: readonly Pick<Space, 'id' | 'name'>[]
  currentId: string | undefined
  onChoose: (id: string) => void
}

export function SpaceTabs({ spaces, currentId, onChoose }: SpaceTabsProps): JSX.Element {
  const { name } = useDesk()
  const { me } = usePerson()
  const list = useRef<HTMLElement>(null)
  useRowMotion(list)
  return (
    <nav className="space-tabs" aria-label={`Spaces of ${me.name}, ${name} side`} ref={list}>
      {spaces.map((space) => (
        <button
          key={space.id}
          type="button"
          data-row={space.id}
          data-version={space.name}
          aria-current={space.id === currentId ? 'page' : undefined}
          onClick={() => onChoose(space.id)}
        >
          {space.name}
        </button>
      ))}
    </nav>
  )
}
