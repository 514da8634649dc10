// What peers that have gone said last of what they received and sent, so that whoever comes back is counted on.
// Not the counting (reported-traffic.ts).
// Invariant: a bounded number of rows in a ring, from the one to be written next to the newest; a row that was freed is written before
// the longest gone is forgotten. A sweep that fills them makes no garbage.

import type { PeerId } from '@evastream/core/ids'
import { PeerIndex } from './peer-index.ts'
import { TOTALS } from './peer-table.ts'

export class DepartedTotals {
  readonly #max: number
  readonly #rowOf = new PeerIndex()
  readonly #ids: (PeerId | undefined)[] = []
  #totals = new Float64Array(0)
  /** The ring: of each row, the one that is written after it, and the one before. */
  #after = new Int32Array(0)
  #before = new Int32Array(0)
  #next = 0

  constructor(options: { readonly max: number }) {
    this.#max = options.max
  }

  /** @returns the row to write the peer's totals to, by `set`. */
  add(peerId: PeerId): number {
    if (this.#totals.length === 0) this.#open()
    this.remove(peerId)
    const row = this.#next
    const overwritten = this.#ids[row]
    if (overwritten !== undefined) this.#rowOf.delete(overwritten)
    this.#ids[row] = peerId
    this.#rowOf.set(peerId, row)
    this.#next = this.#rowAfter(row)
    return row
  }

  /** Undefined for a peer that did not leave, or left too long ago. */
  find(peerId: PeerId): number | undefined {
    return this.#rowOf.get(peerId)
  }

  remove(peerId: PeerId): void {
    const row = this.#rowOf.get(peerId)
    if (row === undefined) return
    this.#rowOf.delete(peerId)
    this.#ids[row] = undefined
    this.#writeNext(row)
  }

  total(row: number, index: number): number {
    return this.#totals[row * TOTALS + index] as number
  }

  set(row: number, index: number, total: number): void {
    this.#totals[row * TOTALS + index] = total
  }

  #open(): void {
    this.#totals = new Float64Array(this.#max * TOTALS)
    this.#after = Int32Array.from({ length: this.#max }, (_, row) => (row + 1) % this.#max)
    this.#before = Int32Array.from({ length: this.#max }, (_, row) => (row + this.#max - 1) % this.#max)
  }

  #writeNext(row: number): void {
    if (row === this.#next) return
    this.#link(this.#rowBefore(row), this.#rowAfter(row))
    this.#link(this.#rowBefore(this.#next), row)
    this.#link(row, this.#next)
    this.#next = row
  }

  #link(row: number, after: number): void {
    this.#after[row] = after
    this.#before[after] = row
  }

  #rowAfter(row: number): number {
    return this.#after[row] as number
  }

  #rowBefore(row: number): number {
    return this.#before[row] as number
  }
}
