// A play that never happens: a Scheduler of its own is led through the beginning of one, so that its code has run before somebody waits.
// Not a test and not a simulation: what it decides is thrown away.
// Why: code that runs for the first time takes many times as long, and the first time is when somebody has just pressed play.
// Invariant: it ends, touches nothing but its own Scheduler, and its time is made up.

import { assert } from '@evastream/core/assert'
import { type PeerId, parsePeerId, parseSongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { BLOCK_SIZE_BYTES, KIB, type Millis } from '@evastream/core/units'
import type { RequestBlocks, SchedulerCommand } from './commands.ts'
import { engineConfig } from './config.ts'
import type { SchedulerEvent } from './events.ts'
import { Scheduler } from './scheduler.ts'

const CHUNK_COUNT = 8
const CHUNK_SIZE_BYTES = 64 * KIB
const BLOCK_COUNT = CHUNK_SIZE_BYTES / BLOCK_SIZE_BYTES
const STEPS_MAX = 300
const STEP_MS = 10
const [SONG, NEIGHBOUR, HOLDER] = [parseSongId('rehearsal'), parsePeerId('neighbour'), parsePeerId('holder')]

/** @returns what it decided, to be looked at by its test. */
export function rehearse(): readonly SchedulerCommand[] {
  return new Rehearsal().run()
}

class Rehearsal {
  readonly #scheduler = new Scheduler(engineConfig({}), seededRandom(1), parsePeerId('nobody'))
  readonly #decided: SchedulerCommand[] = []
  readonly #events: SchedulerEvent[] = []
  #at: Millis = 0

  run(): readonly SchedulerCommand[] {
    this.#events.push(...this.#beginning())
    for (let step = 0; step < STEPS_MAX; step++) {
      const event = this.#events.shift() ?? this.#idle()
      this.#at = event.at
      for (const command of this.#scheduler.handle(event)) this.#carryOut(command)
    }
    return this.#decided
  }

  #beginning(): SchedulerEvent[] {
    const at = this.#at
    const shape = { fileSize: CHUNK_COUNT * CHUNK_SIZE_BYTES, chunkSize: CHUNK_SIZE_BYTES, chunkCount: CHUNK_COUNT }
    const added = { byteRateBytesPerSecond: 8_000, hasBlockHashes: true, heldChunkIds: [], interest: 'idle' } as const
    return [
      { kind: 'leasing-changed', at, hasLeases: true },
      { kind: 'song-added', at, songId: SONG, shape, ...added },
      { kind: 'playback-moved', at, songId: SONG, readerId: 'listener', positionBytes: 0 },
      this.#listed(HOLDER, [1, 2, 3]),
      this.#listed(NEIGHBOUR, []),
      { kind: 'peers-found', at, songId: SONG },
      { kind: 'peer-arriving', at, songId: SONG, peerId: NEIGHBOUR, chunks: [{ chunkId: 0, blocks: [0, 1] }] },
    ]
  }

  #listed(peerId: PeerId, chunkIds: readonly number[]): SchedulerEvent {
    return { kind: 'peer-listed', at: this.#at, songId: SONG, peerId, chunkIds, told: 'peer' }
  }

  #idle(): SchedulerEvent {
    return { kind: 'woke', at: Math.max(this.#at + STEP_MS, this.#scheduler.nextWakeAt() ?? 0) }
  }

  #carryOut(command: SchedulerCommand): void {
    this.#decided.push(command)
    const at = this.#at + STEP_MS
    if (command.kind === 'request-origin-leases') this.#events.push(leasesFor(command, at))
    else if (command.kind === 'request-blocks') this.#events.push(...deliveryOf(command, at))
    else if (command.kind === 'complete-chunk')
      this.#events.push(
        { kind: 'chunk-stored', at, songId: SONG, chunkId: command.chunkId },
        { kind: 'playback-moved', at, songId: SONG, readerId: 'listener', positionBytes: command.chunkId * CHUNK_SIZE_BYTES },
        { kind: 'peer-has', at, songId: SONG, peerId: NEIGHBOUR, chunkIds: [command.chunkId] },
      )
  }
}

/** The first is for others to bring, one is granted, and for the rest the uplink is too busy. */
function leasesFor({ chunkIds }: { readonly chunkIds: readonly number[] }, at: Millis): SchedulerEvent {
  const [granted, ...waiting] = chunkIds.filter(chunkId => chunkId !== 0)
  const isAsked = chunkIds.includes(0)
  return {
    kind: 'leases-answered',
    at,
    songId: SONG,
    granted: granted === undefined ? [] : [{ chunkId: granted, leaseId: 'lease', expiresInMs: 2000 }],
    waiting: [
      ...(isAsked ? [{ chunkId: 0, reason: 'leased', holder: NEIGHBOUR, retryAfterMs: 1000 } as const] : []),
      ...waiting.map(chunkId => ({ chunkId, reason: 'uplink', holder: undefined, retryAfterMs: 100 }) as const),
    ],
  }
}

function deliveryOf({ requestId, firstBlock, blockCount }: RequestBlocks, at: Millis): SchedulerEvent[] {
  assert(firstBlock + blockCount <= BLOCK_COUNT, 'a run lies within its chunk')
  return [
    { kind: 'bytes-arrived', at, requestId, sizeBytes: BLOCK_SIZE_BYTES },
    { kind: 'blocks-verified', at, requestId, firstBlock, blockCount: 1 },
    { kind: 'request-finished', at, requestId },
  ]
}
