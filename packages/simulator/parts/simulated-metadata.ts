// The metadata service as a cold start feels it: what of a song is asked for, in how many round trips, and how long the answers take.
// Not the service: nothing is stored and nothing fails here.
// Invariant: an answer takes its round trips and the time of its bytes on the narrower of the two links.

import { songBlockCount } from '@evastream/core/manifest'
import { HASH_SIZE_BYTES, SECOND_MS } from '@evastream/core/units'
import type { VirtualClock } from '../virtual-clock.ts'
import type { SongPlan } from '../worlds/world-plan.ts'
import { FIRST_FLIGHT_BYTES } from './http-lines.ts'
import type { Host, SimulatedNetwork } from './simulated-network.ts'

/** What a manifest takes besides its chunks, and what each of them adds. */
const MANIFEST_BYTES = 400
const MANIFEST_CHUNK_BYTES = 90
/** Parsing, keeping the manifest on disk and preparing the song's files. */
const OPEN_DELAY_MS = 5

export class SimulatedMetadata {
  readonly #clock: VirtualClock
  readonly #network: SimulatedNetwork
  readonly #host: Host

  constructor(deps: { readonly clock: VirtualClock; readonly network: SimulatedNetwork; readonly host: Host }) {
    this.#clock = deps.clock
    this.#network = deps.network
    this.#host = deps.host
  }

  /** Two lines are made at once: one asks for the manifest, the other for the block hashes; the bytes of both share the link. */
  lookUp(from: Host, song: SongPlan, known: () => void): void {
    const roundTripMs = 2 * this.#network.latencyMs(from, this.#host)
    const manifestBytes = MANIFEST_BYTES + MANIFEST_CHUNK_BYTES * song.shape.chunkCount
    const hashBytes = song.hasBlockHashes ? HASH_SIZE_BYTES * songBlockCount(song.shape) : 0
    const rate = Math.min(this.#host.link.upBytesPerSecond, from.link.downBytesPerSecond)
    const roundTrips = 1 + (Math.max(manifestBytes, hashBytes) > FIRST_FLIGHT_BYTES ? 2 : 1)
    this.#clock.after(roundTrips * roundTripMs + ((manifestBytes + hashBytes) / rate) * SECOND_MS + OPEN_DELAY_MS, known)
  }
}
