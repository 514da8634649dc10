// The swarm as people see it: asks the tracker and the origin about once a second while somebody looks (or while a history is kept).
// Not HTTP (swarm-routes.ts) and not the page.
// Invariant: every figure comes from the counters of the tracker, the origin and the operator's own peer; nobody's look costs a call of its own.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { parseSongId } from '@evastream/core/ids'
import type { OriginStats } from '@evastream/protocol/origin-http'
import type { HistorySpan, SwarmHistory, SwarmNow, SwarmSong } from '@evastream/protocol/swarm-http'
import type { SwarmReply, SwarmsReply, TrackerStats } from '@evastream/protocol/tracker-http'
import type { Clock, Timers, WallClock } from '@evastream/service-kit/system-clock'
import { listenerName } from './listener-names.ts'
import { selfSustainingAt } from './self-sustaining.ts'
import { SPANS, type TrafficHistory } from './traffic-history.ts'
import { type CounterReading, type TrafficGrowth, TrafficMeter } from './traffic-meter.ts'

export interface SwarmBoardDeps {
  readonly tracker: {
    stats(signal?: AbortSignal): Promise<TrackerStats>
    swarms(limit: number, signal?: AbortSignal): Promise<SwarmsReply>
    swarm(songId: SongId, signal?: AbortSignal, members?: number): Promise<SwarmReply>
  }
  /** The origin's own counters, where it can be asked. */
  readonly origin?: (() => Promise<OriginStats>) | undefined
  readonly clock: Clock
  readonly wallClock: WallClock
  readonly timers: Pick<Timers, 'every'>
  readonly titleOf: (songId: SongId) => Promise<string>
  readonly history?: TrafficHistory | undefined
  /** The history cannot be written, say on a full disk: told once until it can; what flows meanwhile is written then. */
  readonly unrecorded?: (error: EvaError) => void
  /** The operator's own peer, which is no listener. */
  readonly house?: (() => NonNullable<CounterReading['house']> & { readonly peerId: string; readonly isListed: boolean }) | undefined
}

export interface SwarmBoardOptions {
  readonly pricePerGb: number | null
  /** Keeps names of peers from being traced. */
  readonly secret: string
}

interface Flow extends TrafficGrowth {
  readonly at: number
}

const LOOK_INTERVAL_MS = 1000
/** Nobody has looked for so long: nothing is asked any more. */
const FORGOTTEN_AFTER_MS = 5000
const RATE_WINDOW_MS = 6000
const RECORD_INTERVAL_MS = 5000
const SWARMS_MAX = 20
const MEMBERS_MAX = 32
const TITLES_MAX = 500
const STILL: SwarmNow = {
  isReachable: false,
  isOriginAway: false,
  listeners: 0,
  songs: 0,
  serverBytesPerSecond: 0,
  listenerBytesPerSecond: 0,
  serverBytes: 0,
  listenerBytes: 0,
  today: null,
  pricePerGb: null,
  swarms: [],
}

export class SwarmBoard {
  readonly #deps: SwarmBoardDeps
  readonly #options: SwarmBoardOptions
  readonly #meter = new TrafficMeter()
  readonly #titles = new Map<SongId, string>()
  readonly #stopTimer: () => void
  #flows: Flow[] = []
  #unrecorded: TrafficGrowth = { serverBytes: 0, listenerBytes: 0 }
  #recordedAt: number
  #isRecording = true
  #askedAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined
  #now: SwarmNow

  constructor(deps: SwarmBoardDeps, options: SwarmBoardOptions) {
    this.#deps = deps
    this.#options = options
    this.#now = { ...STILL, pricePerGb: options.pricePerGb }
    this.#recordedAt = deps.clock.now()
    this.#stopTimer = deps.timers.every(LOOK_INTERVAL_MS, () => this.#turn())
  }

  get hasHistory(): boolean {
    return this.#deps.history !== undefined
  }

  /** The figures of the last look; whoever asks keeps the looking going. */
  latest(): SwarmNow {
    const isFirst = this.#deps.clock.now() - this.#askedAt > FORGOTTEN_AFTER_MS
    this.#askedAt = this.#deps.clock.now()
    if (isFirst) void this.look()
    return this.#now
  }

  /** The figures of this moment. */
  async now(): Promise<SwarmNow> {
    this.#askedAt = this.#deps.clock.now()
    await this.look()
    return this.#now
  }

  /** Looks once; those who ask meanwhile share the look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** @throws EvaError `EVA_ROUTE_NOT_FOUND` where none is kept */
  history(span: HistorySpan): SwarmHistory {
    const { history, wallClock } = this.#deps
    if (history === undefined) throw new EvaError('EVA_ROUTE_NOT_FOUND', { details: { method: 'GET', path: '/api/swarm/history' } })
    const untilMs = wallClock.epochMs()
    const points = history.points(span, untilMs)
    return { span, bucketMs: SPANS[span].bucketMs, untilMs, points, selfSustainingAtMs: selfSustainingAt(points) ?? null }
  }

  /** With ids and addresses for the operator. @throws EvaError `EVA_SONG_NOT_FOUND`, or a failed call's */
  async song(songId: SongId, isOperator: boolean): Promise<SwarmSong> {
    const { members = [], transfers = [], chunkCount, availability } = await this.#deps.tracker.swarm(songId, undefined, MEMBERS_MAX)
    const house = this.#deps.house?.()
    const nameOf = (peerId: string) => listenerName(peerId, this.#options.secret)
    const peers = members.map(({ peerId, host, port, bitmap, originBytes, peerBytes, sentBytes }) => {
      const isHouse = peerId === house?.peerId
      const { key, name } = nameOf(peerId)
      const shown = {
        key,
        name: isHouse ? "the server's own peer" : name,
        isHouse,
        bitmap,
        receivedBytes: originBytes + peerBytes,
        sentBytes,
      }
      return isOperator ? { ...shown, peerId, address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` } : shown
    })
    const moves = transfers.map(({ chunkId, to, from, agoMs }) => ({
      chunkId,
      to: nameOf(to).key,
      from: from === undefined ? null : nameOf(from).key,
      agoMs,
    }))
    const listeners = peers.filter(({ isHouse }) => !isHouse).length
    return { songId, title: await this.#titleOf(songId), chunkCount, listeners, availability, peers, moves }
  }

  close(): void {
    this.#stopTimer()
    this.#record()
    this.#deps.history?.close()
  }

  #turn(): void {
    const { clock, history } = this.#deps
    const isWatched = clock.now() - this.#askedAt <= FORGOTTEN_AFTER_MS
    if (isWatched || history !== undefined) void this.look()
    if (clock.now() - this.#recordedAt >= RECORD_INTERVAL_MS) this.#record()
  }

  async #look(): Promise<void> {
    const { tracker, origin } = this.#deps
    try {
      const [stats, sent, { swarms }] = await Promise.all([
        tracker.stats(),
        // An origin that is away is a thing the page is there to show.
        origin?.().then(({ sentBytes }) => sentBytes, nothing),
        tracker.swarms(SWARMS_MAX),
      ])
      await this.#note(stats, sent, swarms)
    } catch {
      // The last figures stay, and the page says that the tracker does not answer.
      this.#now = { ...this.#now, isReachable: false, serverBytesPerSecond: 0, listenerBytesPerSecond: 0 }
    }
  }

  async #note(stats: TrackerStats, sentBytes: number | undefined, swarms: SwarmsReply['swarms']): Promise<void> {
    const { clock, history } = this.#deps
    const { bootId, peerBytes, originBytes } = stats
    const house = this.#deps.house?.()
    const growth = this.#meter.read({ bootId, peerBytes, originBytes, sentBytes, house })
    const at = clock.now()
    this.#flows = [...this.#flows, { at, ...growth }].filter(flow => at - flow.at <= RATE_WINDOW_MS)
    this.#unrecorded = summed([this.#unrecorded, growth])
    const { serverBytes, listenerBytes } = summed([this.#now, growth])
    const described = await Promise.all(
      swarms.map(async ({ songId, peers, completePeers }) => ({
        songId,
        title: await this.#titleOf(parseSongId(songId)),
        listeners: peers,
        completeListeners: completePeers,
      })),
    )
    this.#now = {
      isReachable: true,
      isOriginAway: this.#deps.origin !== undefined && sentBytes === undefined,
      listeners: Math.max(0, stats.peers - (house?.isListed === true ? 1 : 0)),
      songs: stats.songs,
      ...this.#rates(at),
      serverBytes,
      listenerBytes,
      today: history === undefined ? null : this.#today(history),
      pricePerGb: this.#options.pricePerGb,
      swarms: described,
    }
  }

  #rates(at: number): Pick<SwarmNow, 'serverBytesPerSecond' | 'listenerBytesPerSecond'> {
    const first = this.#flows[0]
    if (first === undefined || first.at === at) return { serverBytesPerSecond: 0, listenerBytesPerSecond: 0 }
    const { serverBytes, listenerBytes } = summed(this.#flows.slice(1))
    const seconds = Math.max(1, (at - first.at) / 1000)
    return { serverBytesPerSecond: Math.round(serverBytes / seconds), listenerBytesPerSecond: Math.round(listenerBytes / seconds) }
  }

  #today(history: TrafficHistory): TrafficGrowth {
    const midnight = new Date(this.#deps.wallClock.epochMs())
    midnight.setHours(0, 0, 0, 0)
    return summed([history.since(midnight.getTime()), this.#unrecorded])
  }

  #record(): void {
    const { history, clock, wallClock } = this.#deps
    this.#recordedAt = clock.now()
    if (history === undefined || !this.#now.isReachable) return
    try {
      history.add({ atMs: wallClock.epochMs(), ...this.#unrecorded, listeners: this.#now.listeners })
      this.#unrecorded = { serverBytes: 0, listenerBytes: 0 }
      this.#isRecording = true
    } catch (thrown) {
      if (this.#isRecording) this.#deps.unrecorded?.(toEvaError(thrown))
      this.#isRecording = false
    }
  }

  async #titleOf(songId: SongId): Promise<string> {
    const known = this.#titles.get(songId)
    if (known !== undefined) return known
    // Without the metadata service a song goes by its id, until it answers.
    const title = await this.#deps.titleOf(songId).catch(nothing)
    if (title === undefined) return songId
    if (this.#titles.size >= TITLES_MAX) this.#titles.clear()
    this.#titles.set(songId, title)
    return title
  }
}

function nothing(): undefined {
  return undefined
}

function summed(parts: readonly TrafficGrowth[]): TrafficGrowth {
  const sum = (name: keyof TrafficGrowth) => parts.reduce((total, part) => total + part[name], 0)
  return { serverBytes: sum('serverBytes'), listenerBytes: sum('listenerBytes') }
}
