/** How many lines of a diff somebody has to type or delete; a line that is replaced counts once. */
export function countChangedLines(diff: string): number {
  let count = 0
  let [added, removed] = [0, 0]
  for (const line of [...diff.split('\n'), '']) {
    if (/^\+(?!\+\+ )/.test(line)) added++
    else if (/^-(?!-- )/.test(line)) removed++
    else {
      count += Math.max(added, removed)
      ;[added, removed] = [0, 0]
    }
  }
  return count
}
