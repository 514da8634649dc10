// How the engine trades speed, origin bytes and patience: every number it uses, with its default.
// Not the settings of a process: an app reads flags and hands the few that people turn to `engineConfig`.
// Invariant: a config made by `engineConfig` is frozen and agrees with itself; nothing in the engine has another default.

import { assert } from '@evastream/core/assert'
import { BLOCK_SIZE_BYTES, KIB, MIB, MINUTE_MS, SECOND_MS } from '@evastream/core/units'

export interface EngineConfig {
  /** Requests in flight, all sources and songs together. More fill more links at once; each costs a buffer and a share of the link. */
  readonly downloadsInFlightMax: number
  /** Requests besides, that wait for blocks which their sources have not got yet. More fill more uplinks of a crowd that has just begun. */
  readonly waitingRequestsMax: number
  /** Requests at once for blocks that their source was not known to have. More bridge the way to the news, too many all wait for one another. */
  readonly relayWaitsMax: number
  /** Chunks being put together at once. More find more idle sources; each costs a chunk of memory and delays the chunks before it. */
  readonly chunksInProgressMax: number
  /** Share of the bounds above, and of the origin's, that only urgent chunks may use while somebody listens. More starts a seek sooner and idles more. */
  readonly urgentReserveRatio: number
  /** Requests outstanding at one peer. Two hide the round trip; more tie bytes to a source that may turn slow. */
  readonly batchesPerPeerMax: number
  /** Requests outstanding at the origin, and bytes of them beyond two requests: enough to fill its link across a round trip; more only queue. */
  readonly originRequestsMax: number
  readonly originOpenBytesMax: number
  /** Bytes received per second, from all sources; 0: no limit. Batches shrink to it, and a song without block hashes keeps it only on average. */
  readonly downloadLimitBytesPerSecond: number
  /** Blocks asked of a peer at a time, at least and at most. Fewer let a chunk change its source sooner, more save requests. */
  readonly batchBlocksMin: number
  readonly batchBlocksMax: number
  /** Between these two a batch is what the peer is expected to send in this time (ms). */
  readonly batchDurationMs: number
  /** What a peer should send within this time (ms) is asked for at once, up to a whole chunk: on a fast link requests cost more than they win. */
  readonly promptRunMs: number
  /** Blocks asked of the origin at a time for a chunk that peers hold too (of one that nobody holds: what it should send in `originRunMs`). */
  readonly originRunBlocksMax: number
  readonly originRunMs: number
  /** Peers known of one song. More raise the choice and the work of choosing. */
  readonly neighboursPerSongMax: number
  /** Peers remembered with their rates and strikes, whether present or not. */
  readonly rememberedPeersMax: number

  /** What is to be heard within this time (ms), or within `windowChunks`, whichever is more, is urgent. */
  readonly windowMs: number
  readonly windowChunks: number
  /** Urgent chunks of one reader, whatever the song's byte rate says. */
  readonly urgentChunksMax: number
  /** Time (ms) that the swarm gets after play or a seek before the first byte counts as late. More saves origin bytes, less is heard sooner. */
  readonly startBudgetMs: number
  /**
   * Bytes from where a reader began that are its first sound: until they are here, but no longer than this (ms), nothing else is asked for,
   * save what a crowd waits for us to bring. While others bring the song from the origin, no longer than `firstSoundAloneMs`.
   */
  readonly firstSoundBytes: number
  readonly firstSoundPatienceMs: number
  /** Bytes from where a reader began that are asked for in small runs, of several sources at once: none of them can hold up the music. */
  readonly startBytes: number
  readonly startRunBlocks: number
  /** So long (ms) they have our link to themselves, with that exception: not even what is heard next is asked for. */
  readonly firstSoundAloneMs: number
  /** Until they are here, but no longer than this (ms), the origin is asked for nothing else that is not ours to bring: others may wait for their first sound as well. */
  readonly startPatienceMs: number
  /** An origin slower than this (bytes per second) has a crowd to serve: of what is heard first it is asked only for what is heard within this time (ms). */
  readonly crowdRateBytesPerSecond: number
  readonly crowdLeadMs: number
  /** What is on its way already may hold up a first sound this long (ms); the rest of it is cancelled. More wastes less of what seeks cut short. */
  readonly firstSoundDelayMs: number
  /** A finish this much (ms) ahead is soon enough even when its deadline is past: the origin would hardly be sooner. */
  readonly urgentGraceMs: number
  /** While somebody listens to an incomplete song, the window is looked at this often (ms) without any other cause. */
  readonly readerTickMs: number
  /** How chunks outside the window are ordered. */
  readonly prefetchOrder: 'soonest-first' | 'rarest-first' | 'deadline-first'

  /** The next song is wanted whole when this much (ms) of the music remains, from peers; and from the origin too when this much does. */
  readonly queuePeersMs: number
  readonly queueOriginMs: number
  /** Songs after the next one of which the first chunk is fetched when there is nothing else to do. */
  readonly queueSongsAhead: number

  /** A source whose rate was never measured counts as the median of the measured ones, or, without any, as this (bytes per second). */
  readonly rateAssumedBytesPerSecond: number
  /** A peer slower than this (bytes per second) is as good as failed, unless nobody else is left. Requests under way share it. */
  readonly rateMinBytesPerSecond: number
  /** A rate is believed for this long (ms) after its last measurement. */
  readonly rateTrustMs: number
  /** Round trip to a source that was never measured (ms). */
  readonly roundTripAssumedMs: number

  /** No byte for this long (ms), or for `silenceBlocks` times the time of a block at the source's rate, fails a request. */
  readonly silenceMs: number
  readonly silenceBlocks: number
  /** Bounds (ms) of the time a whole request may take by expectation (mean + `timeoutDeviations` deviations). */
  readonly requestTimeoutMinMs: number
  readonly requestTimeoutMaxMs: number
  readonly timeoutDeviations: number
  /**
   * A peer that is receiving a chunk itself, and hands on nothing for this long (ms), or for `relayPatienceBlocks` times the time of a
   * block at its rate, loses the request to one that is free. Less finds idle uplinks sooner and moves more.
   */
  readonly relayPatienceMs: number
  readonly relayPatienceBlocks: number
  /** How often patience with a source may double while it times out: one that sends at least something, and one that sends nothing. */
  readonly patienceDoublingsMax: number
  readonly silentDoublingsMax: number

  /** Bytes asked a second time, as a share of all received. More hides slow sources better and wastes more. */
  readonly hedgeRatioMax: number
  /** Bytes that may be asked a second time before anything was received. */
  readonly hedgeAllowanceBytes: number

  /** A peer that failed is left alone for this long (ms), doubling with each failure in a row. */
  readonly peerPauseBaseMs: number
  readonly peerPauseMaxMs: number
  /** The same, when it failed by letting requests time out: each further try of one that never delivers costs bytes or time. */
  readonly peerSilencePauseMaxMs: number
  /** A peer that says it is busy without saying for how long (ms), and the longest it may say. */
  readonly busyPauseMs: number
  readonly busyPauseMaxMs: number
  /** A peer that only ever says it is busy counts as failed after this long (ms). More saves origin bytes in a crowd, less saves time. */
  readonly busyPatienceMs: number
  /** A peer that failed a chunk is not asked for that chunk for this long (ms), doubling with each failure. */
  readonly chunkMarkBaseMs: number
  readonly chunkMarkMaxMs: number
  /** A peer that sent bad bytes is out for this long (ms), doubling with each strike. */
  readonly banBaseMs: number
  readonly banMaxMs: number

  /** Backoff of the origin (ms), exponential with full jitter. */
  readonly originBackoffBaseMs: number
  readonly originBackoffMaxMs: number
  /** The longest Retry-After that is believed (ms). */
  readonly retryAfterMaxMs: number
  /** Chunks in a row that a source may lack, though it should have them, before it counts as failing as a whole. */
  readonly missingInARowMax: number

  /** A chunk that could not be stored is tried again after this long (ms), doubling. */
  readonly unstoredPauseBaseMs: number
  readonly unstoredPauseMaxMs: number
  /** A chunk in progress that no source could be found for, for this long (ms), gives way to another. */
  readonly parkedChunkMs: number
  /** The blocks of a chunk that nobody wants any more are kept for this long (ms): a player that hung up may come back. */
  readonly keptChunkMs: number

  /** The origin is asked with leases of the tracker, to begin with: not for a node that hands nothing on. */
  readonly hasLeases: boolean
  /**
   * Without leases: while peers that lack a chunk were met or told of news within this time (ms), it is left to them to bring it from the
   * origin, unless it is about to be heard; 0: never. More saves origin bytes, less is sooner where they stand still.
   */
  readonly originYieldMs: number
  /** Chunks asked leases of in one call. More are known to be on their way elsewhere; each is work for the tracker. */
  readonly leaseChunksPerCall: number
  /** More is asked for when the origin has less than this long (ms) to send of what was granted. More bridges longer round trips to the tracker, and hoards. */
  readonly leaseAheadMs: number
  /** An answer is awaited so long (ms) before the peers go by turns, as without a tracker; and never longer than this. */
  readonly leaseWaitMs: number
  readonly leaseLostMs: number
  /** The k-th in turn waits k times this long (ms) when no tracker says whose a chunk is. More saves origin bytes, less saves time. */
  readonly leaseRankMs: number
  /** A tracker that could not be asked is asked again after this long (ms). */
  readonly leaseAwayRetryMs: number
  /** A chunk that others are said to have or bring, and of which nothing comes for this long (ms), is asked of the origin after all. */
  readonly leasePatienceMs: number
  /** What nobody brings is asked for without a lease this long (ms) before the music needs it. More is safer, less saves origin bytes. */
  readonly overrideLeadMs: number
  /**
   * Where others fetch a song at the same time, the tracker is asked this often (ms) until so many of them are known; half as often with
   * each answer that names nobody new, down to `findPeersStarvingIntervalMs`.
   */
  readonly crowdLookupMs: number
  readonly crowdNeighbours: number

  /** A peer that is not there is reported to the tracker at the most this often (ms). */
  readonly reportPauseMs: number

  /** The tracker is asked about an incomplete song this often (ms): while all chunks have holders, and while some have none. */
  readonly findPeersIntervalMs: number
  readonly findPeersStarvingIntervalMs: number
  /** A tracker's answer is awaited this long (ms) before the origin is asked for a chunk that nobody is known to hold. */
  readonly findPeersWaitMs: number
  /** An answer of the tracker this old (ms) still tells that nobody holds a chunk. */
  readonly findPeersFreshMs: number
  /** A song's lookups are at least this far apart (ms), whatever the need. */
  readonly findPeersPauseMs: number
  /** A lookup without an answer counts as lost after this long (ms). */
  readonly findPeersLostMs: number
}

export const defaultEngineConfig: EngineConfig = Object.freeze({
  downloadsInFlightMax: 16,
  waitingRequestsMax: 16,
  relayWaitsMax: 4,
  chunksInProgressMax: 12,
  urgentReserveRatio: 0.25,
  batchesPerPeerMax: 2,
  originRequestsMax: 16,
  originOpenBytesMax: 512 * KIB,
  downloadLimitBytesPerSecond: 0,
  batchBlocksMin: 2,
  batchBlocksMax: 8,
  batchDurationMs: 200,
  promptRunMs: 100,
  originRunBlocksMax: 16,
  originRunMs: SECOND_MS,
  neighboursPerSongMax: 80,
  rememberedPeersMax: 1000,

  windowMs: 10 * SECOND_MS,
  windowChunks: 2,
  urgentChunksMax: 64,
  startBudgetMs: SECOND_MS,
  firstSoundBytes: 2 * BLOCK_SIZE_BYTES,
  firstSoundPatienceMs: SECOND_MS,
  startBytes: 8 * BLOCK_SIZE_BYTES,
  startRunBlocks: 2,
  firstSoundAloneMs: 250,
  startPatienceMs: 5 * SECOND_MS,
  crowdRateBytesPerSecond: 256 * KIB,
  crowdLeadMs: 2000,
  firstSoundDelayMs: 50,
  urgentGraceMs: 250,
  readerTickMs: 500,
  prefetchOrder: 'soonest-first',

  queuePeersMs: 30 * SECOND_MS,
  queueOriginMs: 10 * SECOND_MS,
  queueSongsAhead: 3,

  rateAssumedBytesPerSecond: MIB,
  rateMinBytesPerSecond: 8 * KIB,
  rateTrustMs: 30 * SECOND_MS,
  roundTripAssumedMs: 50,

  silenceMs: 2 * SECOND_MS,
  silenceBlocks: 4,
  requestTimeoutMinMs: 500,
  requestTimeoutMaxMs: 10 * SECOND_MS,
  timeoutDeviations: 4,
  relayPatienceMs: 150,
  relayPatienceBlocks: 4,
  patienceDoublingsMax: 6,
  silentDoublingsMax: 2,

  hedgeRatioMax: 0.01,
  hedgeAllowanceBytes: 2 * BLOCK_SIZE_BYTES,

  peerPauseBaseMs: 500,
  peerPauseMaxMs: 30 * SECOND_MS,
  peerSilencePauseMaxMs: 5 * MINUTE_MS,
  busyPauseMs: 500,
  busyPauseMaxMs: 30 * SECOND_MS,
  busyPatienceMs: 30 * SECOND_MS,
  chunkMarkBaseMs: 5 * SECOND_MS,
  chunkMarkMaxMs: 5 * MINUTE_MS,
  banBaseMs: 10 * MINUTE_MS,
  banMaxMs: 24 * 60 * MINUTE_MS,

  originBackoffBaseMs: 250,
  originBackoffMaxMs: 30 * SECOND_MS,
  retryAfterMaxMs: 5 * MINUTE_MS,
  missingInARowMax: 4,

  unstoredPauseBaseMs: SECOND_MS,
  unstoredPauseMaxMs: 30 * SECOND_MS,
  parkedChunkMs: 5 * SECOND_MS,
  keptChunkMs: MINUTE_MS,

  hasLeases: false,
  originYieldMs: 0,
  leaseChunksPerCall: 16,
  leaseAheadMs: 300,
  leaseWaitMs: SECOND_MS,
  leaseLostMs: 5 * SECOND_MS,
  leaseRankMs: 250,
  leaseAwayRetryMs: SECOND_MS,
  leasePatienceMs: 10 * SECOND_MS,
  overrideLeadMs: 2 * SECOND_MS,
  reportPauseMs: 10 * SECOND_MS,
  crowdLookupMs: 200,
  crowdNeighbours: 12,

  findPeersIntervalMs: 10 * SECOND_MS,
  findPeersStarvingIntervalMs: 2 * SECOND_MS,
  findPeersWaitMs: 300,
  findPeersFreshMs: 3 * SECOND_MS,
  findPeersPauseMs: SECOND_MS,
  findPeersLostMs: 5 * SECOND_MS,
})

/** The defaults with some numbers replaced. @throws EvaError `EVA_INTERNAL` when they contradict one another. */
export function engineConfig(changes: Partial<EngineConfig> = {}): EngineConfig {
  const config = Object.freeze({ ...defaultEngineConfig, ...changes })
  for (const name of ['downloadsInFlightMax', 'chunksInProgressMax', 'batchesPerPeerMax', 'originRequestsMax', 'batchBlocksMin'] as const)
    assert(Number.isInteger(config[name]) && config[name] >= 1, `${name} is a whole number from 1`)
  assert(config.downloadLimitBytesPerSecond >= 0, 'downloadLimitBytesPerSecond is not negative')
  const ordered: readonly (readonly [keyof EngineConfig, keyof EngineConfig])[] = [
    ['batchBlocksMin', 'batchBlocksMax'],
    ['requestTimeoutMinMs', 'requestTimeoutMaxMs'],
    ['peerPauseBaseMs', 'peerPauseMaxMs'],
    ['peerPauseMaxMs', 'peerSilencePauseMaxMs'],
    ['chunkMarkBaseMs', 'chunkMarkMaxMs'],
    ['banBaseMs', 'banMaxMs'],
    ['originBackoffBaseMs', 'originBackoffMaxMs'],
    ['unstoredPauseBaseMs', 'unstoredPauseMaxMs'],
    ['queueOriginMs', 'queuePeersMs'],
    ['leaseWaitMs', 'leaseLostMs'],
    ['findPeersStarvingIntervalMs', 'findPeersIntervalMs'],
    ['findPeersPauseMs', 'findPeersStarvingIntervalMs'],
    ['findPeersStarvingIntervalMs', 'findPeersFreshMs'],
  ]
  for (const [low, high] of ordered) assert(config[low] <= config[high], `${low} is at most ${high}`)
  return config
}
