// Who is served next, over all connections: the upload slots and the queue in front of them.
// Not the serving: a request that is granted a slot is sent by its connection, which gives the slot back.
// Invariant: at most `slotsMax` requests are in service, and none waits while a slot is free.

import { PRIORITY_CLASSES, type WirePriority } from '@evastream/protocol/peer-frames'

export interface SlotRequest {
  readonly priority: WirePriority
  /** Requests of one owner are served in the order of their arrival; owners take turns. */
  readonly owner: object
  /** Nothing is left to send: only the other side's word is awaited. */
  readonly isSent: boolean
}

export interface UploadSlotsDeps<T extends SlotRequest> {
  readonly granted: (request: T) => void
  /** The slot went to a request of a more urgent class; this one waits again, in front of its equals, and goes on where it was. */
  readonly displaced: (request: T) => void
}

interface OwnerTurns {
  inServiceCount: number
  lastGrant: number
}

export class UploadSlots<T extends SlotRequest> {
  readonly #deps: UploadSlotsDeps<T>
  readonly #slotsMax: number
  readonly #inService = new Set<T>()
  /** In the order of their arrival. */
  readonly #waiting = new Set<T>()
  readonly #owners = new WeakMap<object, OwnerTurns>()
  #grants = 0

  constructor(deps: UploadSlotsDeps<T>, options: { readonly slotsMax: number }) {
    this.#deps = deps
    this.#slotsMax = options.slotsMax
  }

  get inServiceCount(): number {
    return this.#inService.size
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  enqueue(request: T): void {
    this.#waiting.add(request)
    this.#fill()
  }

  /** Served, cancelled or given up; whether it waited or was in service. */
  release(request: T): void {
    this.#waiting.delete(request)
    if (this.#inService.delete(request)) this.#turnsOf(request.owner).inServiceCount--
    this.#fill()
  }

  #fill(): void {
    for (let next = this.#first(); next !== undefined; next = this.#first()) {
      if (this.#inService.size >= this.#slotsMax && !this.#displaceFor(next)) break
      this.#grant(next)
    }
  }

  #grant(request: T): void {
    const turns = this.#turnsOf(request.owner)
    turns.inServiceCount++
    turns.lastGrant = ++this.#grants
    this.#waiting.delete(request)
    this.#inService.add(request)
    this.#deps.granted(request)
  }

  #displaceFor(next: T): boolean {
    const yielding = [...this.#inService].filter(request => !request.isSent).sort((a, b) => classOf(b) - classOf(a))[0]
    if (yielding === undefined || classOf(yielding) <= classOf(next)) return false
    this.#inService.delete(yielding)
    this.#turnsOf(yielding.owner).inServiceCount--
    this.#requeueInFront(yielding)
    this.#deps.displaced(yielding)
    return true
  }

  #requeueInFront(request: T): void {
    const behind = [...this.#waiting]
    this.#waiting.clear()
    for (const one of [request, ...behind]) this.#waiting.add(one)
  }

  /** The most urgent class first; in it the owner with the fewest in service, then the one that waited longest for its turn. */
  #first(): T | undefined {
    let best: T | undefined
    for (const request of this.#waiting) if (best === undefined || this.#isBefore(request, best)) best = request
    return best
  }

  #isBefore(a: T, b: T): boolean {
    if (classOf(a) !== classOf(b)) return classOf(a) < classOf(b)
    if (a.owner === b.owner) return false
    const [turnsOfA, turnsOfB] = [this.#turnsOf(a.owner), this.#turnsOf(b.owner)]
    if (turnsOfA.inServiceCount !== turnsOfB.inServiceCount) return turnsOfA.inServiceCount < turnsOfB.inServiceCount
    return turnsOfA.lastGrant < turnsOfB.lastGrant
  }

  #turnsOf(owner: object): OwnerTurns {
    let turns = this.#owners.get(owner)
    if (turns === undefined) {
      turns = { inServiceCount: 0, lastGrant: 0 }
      this.#owners.set(owner, turns)
    }
    return turns
  }
}

function classOf(request: SlotRequest): number {
  return PRIORITY_CLASSES.indexOf(request.priority)
}
