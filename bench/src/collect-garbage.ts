import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Afterwards memory holds only what can be reached. Twice: what the first time finds unreachable may hold the next. */
export function collectGarbage(): void {
  collect()
  collect()
}

const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()
