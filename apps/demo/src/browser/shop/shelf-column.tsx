import type { JSX } from 'react'
import { MAX_QUANTITY, PRODUCTS, type Cart } from '../../shop/cart.ts'
import { formatBudget } from '../board/format-budget.ts'
import { usePerson } from '../people/person.ts'
import { Icon } from '../ui/icon.tsx'
import type { CartCommands } from './use-cart-commands.ts'

/** What can be bought. */
export function ShelfColumn({ cart, isPast, commands }: { cart: Cart; isPast: boolean; commands: CartCommands }): JSX.Element {
  const { canWrite } = usePerson()
  const isOpen = canWrite && !isPast && cart.checkedOut === null
  const quantityOf = (sku: string): number => cart.lines.find((line) => line.sku === sku)?.quantity ?? 0
  return (
    <div className="column" role="group" aria-label="Shelf">
      <h3>Shelf</h3>
      <ul className="shelf">
        {PRODUCTS.map(({ sku, name, unit, price }) => (
          <li key={sku}>
            <button type="button" disabled={!isOpen || quantityOf(sku) >= MAX_QUANTITY} onClick={() => commands.add(sku)}>
              <span className="hidden">Add </span>
              <span className="product">
                <strong>{name}</strong>
                <span>{unit}</span>
              </span>
              <span className="price">{formatBudget(price)}</span>
              <Icon name="plus" />
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
