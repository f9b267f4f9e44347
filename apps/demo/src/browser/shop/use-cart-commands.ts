import { useState } from 'react'
import { productOf, type Sku } from '../../shop/cart.ts'
import { useDesk } from '../desk/desk.ts'
import { usePerson } from '../people/person.ts'

export interface CartCommands {
  /** Something was asked for and not answered yet. */
  readonly isBusy: boolean
  add(sku: Sku): void
  remove(sku: Sku): void
  checkOut(): void
  start(): void
}

/** What a person does to the cart of a space. What comes of it is shown when the projection says so, on both sides alike. */
export function useCartCommands(spaceId: string): CartCommands {
  const { live, notices } = useDesk()
  const { people } = usePerson()
  const [waiting, setWaiting] = useState(0)
  const send = async (command: string, sku?: Sku): Promise<void> => {
    setWaiting((count) => count + 1)
    try {
      const response = await live.fetch(`/api/shop/${encodeURIComponent(spaceId)}/${command}${sku === undefined ? '' : `?sku=${sku}`}`, {
        method: 'POST',
      })
      if (response.ok) return
      const { message, by } = (await response.json()) as { message?: string; by?: string }
      const name = people.find(({ id }) => id === by)?.name.split(' ')[0]
      notices.add(name === undefined ? (message ?? 'That did not work.') : `${name} was faster: this cart is checked out.`)
    } catch {
      notices.add(`The shop cannot be reached${sku === undefined ? '' : `; ${productOf(sku)?.name ?? sku} stays as it was`}.`)
    } finally {
      setWaiting((count) => count - 1)
    }
  }
  return {
    isBusy: waiting > 0,
    add: (sku) => void send('add', sku),
    remove: (sku) => void send('remove', sku),
    checkOut: () => void send('check-out'),
    start: () => void send('start'),
  }
}
