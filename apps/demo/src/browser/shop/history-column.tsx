import { useRef, type CSSProperties, type JSX } from 'react'
import { productOf, type CartStep } from '../../shop/cart.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { Avatar } from '../people/avatar.tsx'
import { usePerson } from '../people/person.ts'
import { formatTime } from './format-time.ts'

interface HistoryColumnProps {
  history: readonly CartStep[]
  /** How many of its steps the cart is shown after. */
  shown: number
  onShow: (steps: number) => void
}

/** Everything that happened to the cart. Choosing a moment shows the cart as it was then. */
export function HistoryColumn({ history, shown, onShow }: HistoryColumnProps): JSX.Element {
  const { people } = usePerson()
  const list = useRef<HTMLOListElement>(null)
  useRowMotion(list)
  const last = history.length
  const step = history[shown - 1]
  const nameOf = (by: string): string => people.find(({ id }) => id === by)?.name.split(' ')[0] ?? 'Somebody'
  return (
    <div className="column" role="group" aria-label="History">
      <h3>
        History <span className="count">{last}</span>
        <button type="button" className="button quiet now" disabled={shown >= last} onClick={() => onShow(last)}>
          {shown >= last ? 'Now' : 'Back to now'}
        </button>
      </h3>
      <input
        className="moments"
        type="range"
        min={1}
        max={Math.max(1, last)}
        value={shown}
        disabled={last < 2}
        style={{ '--done': last < 2 ? 1 : (shown - 1) / (last - 1) } as CSSProperties}
        aria-label="Moment"
        aria-valuetext={step === undefined ? 'Nothing has happened' : `Step ${shown} of ${last}: ${nameOf(step.by)} ${describe(step)}`}
        onChange={(event) => onShow(event.target.valueAsNumber)}
      />
      <ol ref={list} className="steps">
        {history
          .map(({ type, sku, by, at }, index) => ({ type, sku, by, at, number: index + 1 }))
          .toReversed()
          .map((one) => (
            <li key={`${one.at} ${one.number}`} data-row={`${one.at} ${one.number}`} data-ahead={one.number > shown}>
              <button type="button" aria-current={one.number === shown ? 'step' : undefined} onClick={() => onShow(one.number)}>
                <Face by={one.by} />
                <span>
                  {nameOf(one.by)} {describe(one)}
                </span>
                <time dateTime={one.at}>{formatTime(one.at)}</time>
              </button>
            </li>
          ))}
      </ol>
    </div>
  )
}

function Face({ by }: { by: string }): JSX.Element | null {
  const { people } = usePerson()
  const person = people.find(({ id }) => id === by)
  return person === undefined ? null : <Avatar face={person} size={20} />
}

const DEEDS: Readonly<Record<CartStep['type'], string>> = {
  CartStarted: 'started the cart',
  ItemAdded: 'added',
  ItemRemoved: 'took out',
  CheckedOut: 'checked out',
}

function describe({ type, sku }: CartStep): string {
  const name = productOf(sku)?.name
  return name === undefined ? DEEDS[type] : `${DEEDS[type]} ${name}`
}
