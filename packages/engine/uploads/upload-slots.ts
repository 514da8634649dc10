// Who is served next, over all connections: the upload slots and the queue in front of them.
// Not the serving: a request that is granted a slot is sent by its connection, which gives the slot back. The peer node serves by these rules,
// and so do the peers of the simulator.
// Who takes a slot from whom: the more urgent from the less; and among equals, who has none from who has several, and who can
// send from who is stuck (its receiver has acknowledged nothing for a while). A stuck request never takes another's slot.
// Invariant: at most `slotsMax` requests are in service, and none waits while a slot is free.

import type { PriorityClass } from '../commands.ts'

/** The most urgent first. */
const RANKS: Readonly<Record<PriorityClass, number>> = { play: 0, prefetch: 1, seed: 2 }

export interface SlotRequest {
  readonly priority: PriorityClass
  /** Requests of one owner are served in the order of their arrival; owners take turns. */
  readonly owner: object
  /** Nothing is left to send: only the other side's word is awaited. */
  readonly isSent: boolean
  /** Blocks still to be sent. */
  readonly owedBlocks: number
  /** Its owner cannot send: what was sent before lies unacknowledged. */
  readonly isStuck: boolean
}

export interface UploadSlotsDeps<T extends SlotRequest> {
  readonly granted: (request: T) => void
  /** The slot went to another request; this one, unless all sent, waits again in front of its equals, and goes on where it was. */
  readonly displaced: (request: T) => void
  /** Something is in service from now on, or nothing is. */
  readonly busy?: (isBusy: boolean) => void
}

/** So many blocks more than the others an owner may have been sent when its next request comes: what is beyond that is forgotten. */
const LEAD_MAX_BLOCKS = 64

interface OwnerTurns {
  inServiceCount: number
  lastGrant: number
  /** What it was sent, or is being sent, and what it was ahead of when it came. */
  servedBlocks: number
}

export class UploadSlots<T extends SlotRequest> {
  readonly #deps: UploadSlotsDeps<T>
  readonly #slotsMax: number
  readonly #inService = new Set<T>()
  /** In the order of their arrival. */
  readonly #waiting = new Set<T>()
  readonly #owners = new WeakMap<object, OwnerTurns>()
  #grants = 0
  #isBusy = false

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
    this.#catchUp(request.owner)
    this.#waiting.add(request)
    this.#fill()
  }

  /** Served, cancelled or given up; whether it waited or was in service. */
  release(request: T): void {
    this.#waiting.delete(request)
    if (this.#inService.has(request)) this.#leave(request)
    this.#fill()
    this.#tellBusy()
  }

  /** To be called when somebody may have got stuck, or come loose. */
  review(): void {
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
    turns.servedBlocks += request.owedBlocks
    this.#waiting.delete(request)
    this.#inService.add(request)
    this.#tellBusy()
    this.#deps.granted(request)
  }

  #tellBusy(): void {
    const isBusy = this.#inService.size > 0
    if (isBusy === this.#isBusy) return
    this.#isBusy = isBusy
    this.#deps.busy?.(isBusy)
  }

  #displaceFor(next: T): boolean {
    if (next.isStuck) return false
    const yielding = [...this.#inService].filter(request => this.#yieldsTo(request, next)).sort((a, b) => this.#compareYielding(a, b))[0]
    if (yielding === undefined) return false
    this.#leave(yielding)
    if (!yielding.isSent) this.#requeueInFront(yielding)
    this.#deps.displaced(yielding)
    return true
  }

  #yieldsTo(request: T, next: T): boolean {
    if (classOf(request) < classOf(next)) return false
    if (request.isStuck) return true
    if (request.isSent) return false
    if (classOf(request) > classOf(next)) return true
    return this.#turnsOf(request.owner).inServiceCount > 1 && this.#turnsOf(next.owner).inServiceCount === 0
  }

  /** The least urgent first, then who is stuck, then whose owner has most. */
  #compareYielding(a: T, b: T): number {
    const byClass = classOf(b) - classOf(a)
    const byStuck = Number(b.isStuck) - Number(a.isStuck)
    return byClass || byStuck || this.#turnsOf(b.owner).inServiceCount - this.#turnsOf(a.owner).inServiceCount
  }

  #leave(request: T): void {
    this.#inService.delete(request)
    const turns = this.#turnsOf(request.owner)
    turns.inServiceCount--
    turns.servedBlocks -= request.owedBlocks
  }

  /** Who comes, or comes back, is not ahead of those who have been served all the time; and who was served while nobody waited owes no more than a little. */
  #catchUp(owner: object): void {
    let least = Number.POSITIVE_INFINITY
    let isNew = true
    for (const requests of [this.#inService, this.#waiting])
      for (const request of requests) {
        if (request.owner === owner) isNew = false
        else least = Math.min(least, this.#turnsOf(request.owner).servedBlocks)
      }
    if (least === Number.POSITIVE_INFINITY) return
    const turns = this.#turnsOf(owner)
    turns.servedBlocks = Math.min(isNew ? Math.max(turns.servedBlocks, least) : turns.servedBlocks, least + LEAD_MAX_BLOCKS)
  }

  #requeueInFront(request: T): void {
    const behind = [...this.#waiting]
    this.#waiting.clear()
    for (const one of [request, ...behind]) this.#waiting.add(one)
  }

  /** The most urgent class first; in it who can send, then the owner with the fewest in service, then the one that waited longest for its turn. */
  #first(): T | undefined {
    let best: T | undefined
    for (const request of this.#waiting) if (best === undefined || this.#isBefore(request, best)) best = request
    return best
  }

  #isBefore(a: T, b: T): boolean {
    if (classOf(a) !== classOf(b)) return classOf(a) < classOf(b)
    if (a.owner === b.owner) return false
    if (a.isStuck !== b.isStuck) return b.isStuck
    const [turnsOfA, turnsOfB] = [this.#turnsOf(a.owner), this.#turnsOf(b.owner)]
    if (turnsOfA.inServiceCount !== turnsOfB.inServiceCount) return turnsOfA.inServiceCount < turnsOfB.inServiceCount
    if (turnsOfA.servedBlocks !== turnsOfB.servedBlocks) return turnsOfA.servedBlocks < turnsOfB.servedBlocks
    return turnsOfA.lastGrant < turnsOfB.lastGrant
  }

  #turnsOf(owner: object): OwnerTurns {
    let turns = this.#owners.get(owner)
    if (turns === undefined) {
      turns = { inServiceCount: 0, lastGrant: 0, servedBlocks: 0 }
      this.#owners.set(owner, turns)
    }
    return turns
  }
}

function classOf(request: SlotRequest): number {
  return RANKS[request.priority]
}
