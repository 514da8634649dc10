// Members of swarms as they stand in answers, written once and kept until something about them changes.
// Not the source of anything: every text can be written again from the tables.
// Invariant: a text is dropped with the first change of its seat; there are TEXTS_MAX at the most, each seat with one place for its own.

import { NONE } from './peer-table.ts'
import type { Seat } from './seat-table.ts'

/** A power of two: a seat's place is what is left of its number. */
const TEXTS_MAX = 16_384

export class SeatTexts {
  readonly #texts: string[] = []
  #seats = new Uint32Array(0)

  of(seat: Seat, write: (seat: Seat) => string): string {
    const place = seat % TEXTS_MAX
    if (this.#seats[place] === seat) return this.#texts[place] as string
    if (this.#seats.length === 0) this.#open()
    const text = flat(write(seat))
    this.#texts[place] = text
    this.#seats[place] = seat
    return text
  }

  changed(seat: Seat): void {
    const place = seat % TEXTS_MAX
    if (this.#seats[place] !== seat) return
    this.#seats[place] = NONE
    this.#texts[place] = ''
  }

  #open(): void {
    this.#seats = new Uint32Array(TEXTS_MAX).fill(NONE)
    for (let place = 0; place < TEXTS_MAX; place++) this.#texts.push('')
  }
}

/** The same ASCII as a row of bytes: a text put together of others is a tree of them, walked each time that it is used. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
