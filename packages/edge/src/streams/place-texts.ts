import { idHead } from './id-block.ts'
import type { Keys } from '../keys.ts'
import { encodePlace, type LogName, type Place } from '../log/place.ts'
import type { Octets } from './octets.ts'

export interface PlaceTexts {
  /** The place as positions name it; made and signed once for each. */
  placeText(place: Place): string
  /** The id-only block of a place up to the scope. */
  idHead(this: void, place: Place): Octets
}

export function createPlaceTexts(keys: Keys, log: () => LogName): PlaceTexts {
  const texts = new WeakMap<Place, { text: string; head: Octets }>()
  let last: { place: Place; head: Octets } | undefined
  const of = (place: Place): { text: string; head: Octets } => {
    const known = texts.get(place)
    if (known !== undefined) return known
    const text = encodePlace(keys, log(), place)
    const made = { text, head: idHead(text) }
    texts.set(place, made)
    return made
  }
  return {
    placeText: (place) => of(place).text,
    idHead(place) {
      // Nearly all connections of a batch are at one place.
      if (last?.place !== place) last = { place, head: of(place).head }
      return last.head
    },
  }
}
