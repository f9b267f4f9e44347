import { useRef, type JSX } from 'react'
import { productOf, totalOf, type Cart, type Sku } from '../../shop/cart.ts'
import { formatBudget } from '../board/format-budget.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { Avatar } from '../people/avatar.tsx'
import { usePerson } from '../people/person.ts'
import { Icon } from '../ui/icon.tsx'
import { formatTime } from './format-time.ts'
import type { CartCommands } from './use-cart-commands.ts'

interface CartColumnProps {
  cart: Cart
  /** Shown as it was, not as it is. */
  isPast: boolean
  commands: CartCommands
}

/** What is in the cart, and the one way out of it. */
export function CartColumn({ cart, isPast, commands }: CartColumnProps): JSX.Element {
  const { canWrite } = usePerson()
  const lines = useRef<HTMLUListElement>(null)
  useRowMotion(lines)
  const isOpen = canWrite && !isPast && cart.checkedOut === null
  const count = cart.lines.reduce((sum, { quantity }) => sum + quantity, 0)
  return (
    <div className="column" role="group" aria-label="Cart">
      <h3>
        Cart <span className="count">{count}</span>
        {isPast && <span className="chip past">As it was</span>}
      </h3>
      <div className="cart" data-past={isPast} data-done={cart.checkedOut !== null}>
        <ul ref={lines}>
          {cart.lines.map((line) => (
            <Line key={line.sku} {...line} isOpen={isOpen} commands={commands} />
          ))}
        </ul>
        {count === 0 && <p className="empty">Nothing in it yet.</p>}
        <p className="total">
          <span>Total</span>
          <strong>{formatBudget(totalOf(cart))}</strong>
        </p>
        {cart.checkedOut === null ? (
          <button type="button" className="button" disabled={!isOpen || count === 0 || commands.isBusy} onClick={commands.checkOut}>
            Check out
          </button>
        ) : (
          <Receipt {...cart.checkedOut} onStart={isPast || !canWrite ? undefined : commands.start} />
        )}
      </div>
    </div>
  )
}

function Line({ sku, quantity, isOpen, commands }: { sku: Sku; quantity: number; isOpen: boolean; commands: CartCommands }): JSX.Element {
  const { name = sku, price = 0 } = productOf(sku) ?? {}
  return (
    <li className="line" data-row={sku} data-version={quantity}>
      <span className="name">{name}</span>
      <span className="price">{formatBudget(price * quantity)}</span>
      <span className="stepper">
        {isOpen && (
          <button type="button" className="icon-button" aria-label={`One ${name} less`} onClick={() => commands.remove(sku)}>
            <Icon name="minus" />
          </button>
        )}
        <span className="quantity">
          <span className="hidden">Quantity </span>
          {isOpen ? quantity : `${quantity} × ${formatBudget(price)}`}
        </span>
        {isOpen && (
          <button type="button" className="icon-button" aria-label={`One ${name} more`} onClick={() => commands.add(sku)}>
            <Icon name="plus" />
          </button>
        )}
      </span>
    </li>
  )
}

function Receipt({ by, at, onStart }: { by: string; at: string; onStart: (() => void) | undefined }): JSX.Element {
  const { people } = usePerson()
  const person = people.find(({ id }) => id === by)
  return (
    <div className="receipt" role="status">
      {person !== undefined && <Avatar face={person} size={30} />}
      <p>
        <strong>Checked out</strong>
        <span>
          by {person?.name ?? 'somebody'}, {formatTime(at)}
        </span>
      </p>
      {onStart !== undefined && (
        <button type="button" className="button quiet" onClick={onStart}>
          New cart
        </button>
      )}
    </div>
  )
}
