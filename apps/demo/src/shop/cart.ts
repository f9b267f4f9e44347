/** What a cart is, and what happens to it: pure, so that the server folds it, and the browser shows it as it was at any moment. */

export const PRODUCTS = [
  { sku: 'tape', name: 'Gaffer tape', unit: 'roll, black', price: 12 },
  { sku: 'gloves', name: 'Cotton gloves', unit: 'ten pairs', price: 18 },
  { sku: 'spot', name: 'Track spot', unit: '3000 K, with lens', price: 145 },
  { sku: 'putty', name: 'Museum putty', unit: '100 g', price: 9 },
  { sku: 'wire', name: 'Picture wire', unit: '20 m', price: 14 },
  { sku: 'paint', name: 'Gallery white', unit: '5 l', price: 62 },
  { sku: 'board', name: 'Foam board', unit: 'A1, ten sheets', price: 48 },
  { sku: 'coffee', name: 'Espresso beans', unit: '1 kg', price: 27 },
] as const

export type Product = (typeof PRODUCTS)[number]
export type Sku = Product['sku']

/** An event as it is stored: what happened, in which cart, by whom. */
export type CartEvent = { id: string; createdAt: Date; updatedAt: Date } & (
  | { type: 'CartStarted'; data: { cartId: string; by: string } }
  | { type: 'ItemAdded'; data: { cartId: string; by: string; sku: Sku } }
  | { type: 'ItemRemoved'; data: { cartId: string; by: string; sku: Sku } }
  | { type: 'CheckedOut'; data: { cartId: string; by: string } }
)

/** An event as the history shows it. */
export interface CartStep {
  type: CartEvent['type']
  sku: Sku | null
  by: string
  /** ISO 8601. */
  at: string
}

export interface Cart {
  lines: { sku: Sku; quantity: number }[]
  checkedOut: { by: string; at: string } | null
  /** Everything since the cart was started, oldest first. */
  history: CartStep[]
}

/** A cart with more in its history is started anew first. */
export const MAX_STEPS = 200
export const MAX_QUANTITY = 99

export const EMPTY_CART: Cart = { lines: [], checkedOut: null, history: [] }

/** The cart after one more step. */
export function afterStep(cart: Cart, step: CartStep): Cart {
  const history = [...cart.history, step]
  const { type, sku, by, at } = step
  if (type === 'CartStarted') return { ...EMPTY_CART, history: [step] }
  if (type === 'CheckedOut') return { ...cart, checkedOut: { by, at }, history }
  if (sku === null) return { ...cart, history }
  const change = type === 'ItemAdded' ? 1 : -1
  const lines = cart.lines.some((line) => line.sku === sku) ? cart.lines : [...cart.lines, { sku, quantity: 0 }]
  const changed = lines.map((line) => (line.sku === sku ? { sku, quantity: line.quantity + change } : line))
  return { ...cart, lines: changed.filter(({ quantity }) => quantity > 0), history }
}

/** The cart as it was after so many of its steps. */
export function cartAfter(history: readonly CartStep[], count: number): Cart {
  return history.slice(0, count).reduce(afterStep, EMPTY_CART)
}

export function productOf(sku: Sku | null): Product | undefined {
  return PRODUCTS.find((product) => product.sku === sku)
}

export function totalOf(cart: Cart): number {
  return cart.lines.reduce((total, { sku, quantity }) => total + (productOf(sku)?.price ?? 0) * quantity, 0)
}
