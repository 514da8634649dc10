// What will happen, in the order of its time: a binary heap that is stable, so that equal times keep the order of planning.
// Not a clock: virtual-clock.ts runs what comes out of here.
// Invariant: entries come out by (at, order of planning); a seed therefore gives one history, on every machine.

import type { Millis } from '@evastream/core/units'

/** Something planned; set `isCancelled` and it will not happen. */
export interface Appointment {
  readonly at: Millis
  readonly order: number
  readonly action: () => void
  isCancelled: boolean
}

export class EventQueue {
  readonly #heap: Appointment[] = []
  #planned = 0

  get size(): number {
    return this.#heap.length
  }

  peek(): Appointment | undefined {
    return this.#heap[0]
  }

  plan(at: Millis, action: () => void): Appointment {
    const appointment = { at, order: this.#planned++, action, isCancelled: false }
    const heap = this.#heap
    heap.push(appointment)
    let index = heap.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent] as Appointment
      if (!isBefore(appointment, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = appointment
    return appointment
  }

  next(): Appointment | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Appointment, heap[child] as Appointment)) child++
      const below = heap[child] as Appointment
      if (!isBefore(below, last)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(one: Appointment, other: Appointment): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
