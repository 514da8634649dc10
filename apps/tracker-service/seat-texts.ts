// Members of swarms as they stand in answers, written once and kept until something about them changes.
// Not the source of anything: every text can be written again from the tables.
// Invariant: a text is dropped with the first change of its seat; there are TEXTS_MAX at the most, and then none.

import type { Seat } from './seat-table.ts'

const TEXTS_MAX = 16_384

export class SeatTexts {
  readonly #texts = new Map<Seat, string>()

  of(seat: Seat, write: (seat: Seat) => string): string {
    const known = this.#texts.get(seat)
    if (known !== undefined) return known
    const text = write(seat)
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear()
    this.#texts.set(seat, text)
    return text
  }

  changed(seat: Seat): void {
    this.#texts.delete(seat)
  }
}
