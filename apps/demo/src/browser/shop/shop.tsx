import { useProjection } from '@zenstack-live/react'
import { useState, type JSX } from 'react'
import type { cartProjection } from '../../shop/cart-projection.ts'
import { cartAfter } from '../../shop/cart.ts'
import { useDesk } from '../desk/desk.ts'
import { Skeleton } from '../ui/skeleton.tsx'
import { CartColumn } from './cart-column.tsx'
import { HistoryColumn } from './history-column.tsx'
import { ShelfColumn } from './shelf-column.tsx'
import { useCartCommands } from './use-cart-commands.ts'

/** The cart of a space: what is on the shelf, what is in the cart, and how it came to be so. */
export function Shop({ spaceId }: { spaceId: string }): JSX.Element {
  const { live } = useDesk()
  // #region watch
  const { data: cart, error } = useProjection(live.projection<typeof cartProjection>('cart', spaceId))
  // #endregion
  const commands = useCartCommands(spaceId)
  // How many steps are shown; `undefined` follows the present.
  const [moment, setMoment] = useState<number>()

  if (cart === undefined) return <Skeleton failure={error} />
  const steps = cart.history.length
  const shown = moment === undefined || moment >= steps ? undefined : Math.max(1, moment)
  return (
    <div className="board shop">
      <ShelfColumn cart={cart} isPast={shown !== undefined} commands={commands} />
      <CartColumn cart={shown === undefined ? cart : cartAfter(cart.history, shown)} isPast={shown !== undefined} commands={commands} />
      <HistoryColumn history={cart.history} shown={shown ?? steps} onShow={(step) => setMoment(step < steps ? step : undefined)} />
    </div>
  )
}
