const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 })

export function formatBudget(amount: number): string {
  return euros.format(amount)
}
