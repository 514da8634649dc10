// The facts a source policy sees: for a run of a chunk, who could bring it, how soon, and how each source stands.
// Not the choice among them (source-selection).
// Invariant: a peer that is banned or unknown is never among the candidates.

import type { ChunkId, PeerId } from '@evastream/core/ids'
import { blockRunLengthBytes } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { BlockRun } from '../chunks/chunk-progress.ts'
import { isSameSource } from '../chunks/chunk-progress.ts'
import type { Source } from '../commands.ts'
import type { EngineState } from '../engine-state.ts'
import { OriginPermits, type PermittedRun } from '../leases/origin-permits.ts'
import { type Offer, offerOf, readyBlocks, WAIT_FACTOR } from '../requests/relay-order.ts'
import { waitingRequestCount } from '../requests/relay-waits.ts'
import type { SongState } from '../songs/song-state.ts'
import type { DeliveryPace } from './delivery-pace.ts'
import { isHollow, type PeerRecord } from './peer-health.ts'
import type { Holding } from './peer-table.ts'
import type { Candidate, OriginStanding, SourceFacts, SourceStanding, Standing } from './source-selection.ts'

export interface SurveyedRun {
  readonly song: SongState
  readonly chunkId: ChunkId
  readonly run: BlockRun
  readonly verify: 'blocks' | 'chunk'
  readonly deadlineAt: Millis | undefined
  /** Somebody listens and this is not what is about to be heard: some room at the origin is left free. */
  readonly isYielding: boolean
  /** It was asked for, and may come too late: it does not wait until less is on its way from the origin. */
  readonly isLate?: boolean
  /** A source that is at work on this run already. */
  readonly except?: Source
}

const NEVER = Number.POSITIVE_INFINITY

export class SourceSurvey {
  readonly #state: EngineState
  readonly #permits: OriginPermits

  constructor(state: EngineState) {
    this.#state = state
    this.#permits = new OriginPermits(state, this)
  }

  factsOf(wanted: SurveyedRun, lookupUntil: Millis): SourceFacts {
    const { now } = this.#state
    return {
      now,
      deadlineAt: wanted.deadlineAt,
      candidates: this.#candidates(wanted),
      origin: this.#originStanding(wanted),
      lookupUntil,
    }
  }

  /** How a peer stands, whatever the chunk. */
  standingOf(record: PeerRecord): { readonly standing: Standing; readonly retryAt: Millis } {
    const { config, now, requests, origin } = this.#state
    // One failure may be chance, and is worth waiting out unless time presses; two in a row are not.
    const isDoubted = record.failures === 1
    if (record.pausedUntil > now) return { standing: isDoubted ? 'busy' : 'failed', retryAt: record.pausedUntil }
    if (record.busyUntil > now) {
      const isOnlyEverBusy = record.busySince !== undefined && now - record.busySince > config.busyPatienceMs
      return { standing: isOnlyEverBusy ? 'failed' : 'busy', retryAt: record.busyUntil }
    }
    // After a failure it is tried with one request at a time.
    if (record.failures > 0 && record.pace.openRequests > 0) return { standing: isDoubted ? 'full' : 'failed', retryAt: NEVER }
    // And of those who never delivered, one peer at a time, unless they are all there is.
    if (isHollow(record) && requests.tryCount > 0) return { standing: origin.failures > 0 ? 'slow' : 'failed', retryAt: NEVER }
    if (record.failures > 0) return { standing: 'free', retryAt: 0 }
    // A stranger is tried with one request: another stranger may turn out better.
    const isFull = record.pace.openRequests >= (record.isProven ? config.batchesPerPeerMax : 1)
    const rate = record.pace.rateBytesPerSecond(now, config.rateTrustMs)
    if (rate !== undefined && rate < config.rateMinBytesPerSecond)
      return { standing: isFull ? 'failed' : 'slow', retryAt: record.pace.measuredAt + config.rateTrustMs }
    return { standing: isFull ? 'full' : 'free', retryAt: 0 }
  }

  /** Whether the origin may be given one more request; what yields leaves it some room. */
  isOriginFree(isYielding: boolean): boolean {
    const { origin, config, now } = this.#state
    return origin.hasRoom(now, isYielding ? 1 - config.urgentReserveRatio : 1)
  }

  /** Whether the origin may be asked for a chunk, from a block on. */
  permitOf(song: SongState, chunkId: ChunkId, firstBlock = 0): PermittedRun {
    return this.#permits.permitOf(song, chunkId, firstBlock)
  }

  /** The chunks among which those with a permit are; undefined: all. */
  permittedAmong(song: SongState): readonly ChunkId[] | undefined {
    return this.#permits.permittedAmong(song)
  }

  /** Somebody is known to hold it who has not failed, nor kept us waiting for nothing. */
  hasUsableHolder(song: SongState, chunkId: ChunkId): boolean {
    for (const { peerId, chunks } of this.#state.peers.holdingsOf(song.songId).values())
      if (chunks.has(chunkId) && this.#isUsable(song, chunkId, peerId)) return true
    return false
  }

  areAllUseless(song: SongState, chunkId: ChunkId): boolean {
    let count = 0
    for (const { peerId, chunks, arriving } of this.#state.peers.holdingsOf(song.songId).values()) {
      if (!chunks.has(chunkId) && !arriving.has(chunkId)) continue
      if (this.#isUsable(song, chunkId, peerId)) return false
      count++
    }
    return count > 0
  }

  #isUsable(song: SongState, chunkId: ChunkId, peerId: PeerId): boolean {
    const { health, now } = this.#state
    const record = health.recordOf(peerId)
    if (song.markOf(chunkId, peerId) > now || isHollow(record)) return false
    const { standing } = this.standingOf(record)
    return standing !== 'failed' && standing !== 'slow'
  }

  /** How many blocks to ask of a source at a time: all of a chunk that nobody else holds, else what it should send in a moment. */
  batchBlocks(source: Source, wanted: Pick<SurveyedRun, 'song' | 'chunkId' | 'verify' | 'run'>): number {
    const { config, peers } = this.#state
    if (wanted.verify === 'chunk') return wanted.run.blockCount
    if (source.kind === 'origin') {
      const isHeldByPeers = peers.copiesToComeOf(wanted.song.songId, wanted.chunkId) > 0
      // One that is slow to us is slow because others want it as well.
      const promptBlocks = Math.floor((this.#state.rateOf(source) * config.originRunMs) / 1000 / BLOCK_SIZE_BYTES)
      const runBlocksMax = Math.max(config.batchBlocksMin, promptBlocks)
      const { blocksMax } = this.permitOf(wanted.song, wanted.chunkId, wanted.run.firstBlock)
      return Math.min(wanted.run.blockCount, runBlocksMax, blocksMax, isHeldByPeers ? config.originRunBlocksMax : runBlocksMax)
    }
    const record = this.#state.health.recordOf(source.peerId)
    const batchBlocks = this.#peerBatchBlocks(record, this.#state.rateOf(source), wanted)
    const holding = peers.holdingsOf(wanted.song.songId).get(source.peerId)
    // What it is known to have is sent at once; only where it has none of that are blocks asked for that are still to come.
    const ready = holding === undefined ? 0 : readyBlocks(holding, wanted.chunkId, wanted.run.firstBlock)
    return ready === 0 ? batchBlocks : Math.min(batchBlocks, ready)
  }

  /** When a source should be done (ms from now) with this many more bytes, after what it has to send before. */
  finishMs(pace: DeliveryPace, rateBytesPerSecond: number, sizeBytes: number): number {
    return (pace.roundTripMs ?? this.#state.config.roundTripAssumedMs) + ((pace.openBytes + sizeBytes) * 1000) / rateBytesPerSecond
  }

  /** The free peer that could bring a run soonest; among equals the first. */
  soonestFreePeer(wanted: SurveyedRun): Source | undefined {
    let best: Candidate | undefined
    for (const candidate of this.#candidates(wanted))
      if (candidate.standing === 'free' && (best === undefined || candidate.finishMs < best.finishMs)) best = candidate
    return best === undefined ? undefined : { kind: 'peer', peerId: best.peerId }
  }

  /** When a peer should be done (ms from now) with a batch more. */
  batchFinishMs(peerId: PeerId): number {
    const { health, config, now } = this.#state
    const record = health.recordOf(peerId)
    const rate = health.expectedRate(record, now)
    const run = { firstBlock: 0, blockCount: config.batchBlocksMax }
    const sizeBytes = this.#peerBatchBlocks(record, rate, { verify: 'blocks', run }) * BLOCK_SIZE_BYTES
    return health.doubtMs(record) + this.finishMs(record.pace, rate, sizeBytes)
  }

  #candidates(wanted: SurveyedRun): Candidate[] {
    const candidates: Candidate[] = []
    const { chunkId, run, verify } = wanted
    const here = { verify, firstBlockAt: wanted.song.progress.get(chunkId)?.firstBlockAt }
    let mayWait: boolean | undefined
    for (const holding of this.#state.peers.holdingsOf(wanted.song.songId).values()) {
      const offer = offerOf(holding, chunkId, here, run.firstBlock)
      if (offer === undefined || isExcluded(wanted.except, holding.peerId)) continue
      const candidate = this.#candidate(holding, wanted, offer)
      if (offer === 'wait') mayWait ??= waitingRequestCount(this.#state) < this.#state.config.relayWaitsMax
      // It will have the block, but enough is waited for already.
      const isKeptOff = offer === 'wait' && mayWait === false && candidate.standing === 'free'
      candidates.push(isKeptOff ? { ...candidate, standing: 'full', retryAt: NEVER } : candidate)
    }
    return candidates
  }

  #candidate(holding: Holding, wanted: SurveyedRun, offer: Offer): Candidate {
    const { health, now } = this.#state
    const record = health.recordOf(holding.peerId)
    const rate = health.expectedRate(record, now)
    const sizeBytes = this.#batchBytes(wanted, this.#peerBatchBlocks(record, rate, wanted))
    // One that failed last time is expected to keep silent first, the longer the more often it did; a busy one to stay so as long
    // again as it has been.
    const doubtMs = health.doubtMs(record)
    const busyMs = record.busySince === undefined ? 0 : now - record.busySince
    const finishMs = doubtMs + busyMs + this.finishMs(record.pace, rate, sizeBytes) * (offer === 'wait' ? WAIT_FACTOR : 1)
    const markedUntil = wanted.song.markOf(wanted.chunkId, holding.peerId)
    if (markedUntil > now) return { peerId: holding.peerId, standing: 'failed', retryAt: markedUntil, finishMs }
    const { standing, retryAt } = this.standingOf(record)
    // What is about to be heard is no matter for tries.
    const isForTry = standing === 'free' && isHollow(record) && wanted.deadlineAt !== undefined
    return { peerId: holding.peerId, standing: isForTry ? 'slow' : standing, retryAt, finishMs }
  }

  #originStanding(wanted: SurveyedRun): OriginStanding {
    const { permit, opensAt } = this.permitOf(wanted.song, wanted.chunkId, wanted.run.firstBlock)
    const overrideFrom = this.#permits.overrideFrom(wanted.song, wanted.chunkId)
    const isBeingBrought = wanted.deadlineAt !== undefined && wanted.song.leases.isBeingBrought(this.#state.now)
    const { standing, finishMs, retryAt } = this.#originState(wanted)
    return { standing, finishMs, retryAt, permit, opensAt, overrideFrom, isBeingBrought }
  }

  #originState(wanted: SurveyedRun): SourceStanding {
    const { config, origin, now } = this.#state
    // Measured by as much as a peer would be asked for, or the two could not be compared.
    const blockCount = wanted.verify === 'chunk' ? wanted.run.blockCount : Math.min(wanted.run.blockCount, config.batchBlocksMax)
    const finishMs = this.finishMs(origin.pace, origin.expectedRate(now), this.#batchBytes(wanted, blockCount))
    if (wanted.except !== undefined && isSameSource(wanted.except, { kind: 'origin' }))
      return { standing: 'full', finishMs, retryAt: NEVER }
    const retryAt = Math.max(origin.retryAt, wanted.song.originPauseOf(wanted.chunkId))
    if (retryAt > now) return { standing: 'failed', finishMs, retryAt }
    const isFree = wanted.isLate === true ? origin.hasPlace(now) : this.isOriginFree(wanted.isYielding)
    return { standing: isFree ? 'free' : 'full', finishMs, retryAt: 0 }
  }

  runBytes(song: SongState, chunkId: ChunkId, run: BlockRun): number {
    return blockRunLengthBytes(song.shape, chunkId, run.firstBlock, run.blockCount)
  }

  #peerBatchBlocks(record: PeerRecord, rateBytesPerSecond: number, wanted: Pick<SurveyedRun, 'verify' | 'run'>): number {
    const { batchBlocksMin, batchBlocksMax, batchDurationMs, promptRunMs } = this.#state.config
    if (wanted.verify === 'chunk') return wanted.run.blockCount
    // One that failed last time is tried with little.
    if (record.failures > 0) return Math.min(wanted.run.blockCount, batchBlocksMin)
    const promptBlocks = Math.floor((rateBytesPerSecond * promptRunMs) / 1000 / BLOCK_SIZE_BYTES)
    if (promptBlocks >= wanted.run.blockCount) return wanted.run.blockCount
    const blocks = Math.round((rateBytesPerSecond * batchDurationMs) / 1000 / BLOCK_SIZE_BYTES)
    // In batches of one size the last of a chunk is not left with a block or two.
    const bounded = Math.max(batchBlocksMin, Math.min(batchBlocksMax, blocks), promptBlocks - (promptBlocks % batchBlocksMax))
    return Math.min(wanted.run.blockCount, bounded)
  }

  #batchBytes({ song, chunkId, run }: SurveyedRun, blockCount: number): number {
    return this.runBytes(song, chunkId, { firstBlock: run.firstBlock, blockCount })
  }
}

function isExcluded(except: Source | undefined, peerId: PeerId): boolean {
  return except?.kind === 'peer' && except.peerId === peerId
}
