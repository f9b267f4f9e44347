/** How words stand out on a terminal, and in a file not at all. */
export interface Style {
  good(text: string): string
  bad(text: string): string
  caution(text: string): string
  dim(text: string): string
  strong(text: string): string
}

export function createStyle(hasColors: boolean): Style {
  const paint = (code: number) => (text: string) => (hasColors ? `\u001B[${code}m${text}\u001B[0m` : text)
  return { good: paint(32), bad: paint(31), caution: paint(33), dim: paint(2), strong: paint(1) }
}

/** A number of bytes as people read it, such as `1.5 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const amount = bytes / 1000 ** power
  return `${power === 0 ? amount : amount.toFixed(amount < 10 ? 1 : 0)} ${units[power]}`
}
