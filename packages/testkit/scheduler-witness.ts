// Watches a Scheduler from outside, by its events and commands alone, and notes every promise it breaks.
// Not a second Scheduler: it does not know what should be asked for, only what never may be.
// Invariant: `violations` is empty as long as commands.ts and the config's bounds are kept.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf, isChunkOf } from '@evastream/core/manifest'
import type {
  BanPeer,
  CancelRequest,
  CompleteChunk,
  DiscardChunk,
  FindPeers,
  RequestBlocks,
  SchedulerCommand,
} from '@evastream/engine/commands'
import type { EngineConfig } from '@evastream/engine/config'
import type { SchedulerEvent, SongAdded } from '@evastream/engine/events'
import type { Scheduler } from '@evastream/engine/scheduler'

interface WitnessedChunk {
  readonly blocksHere: Set<number>
  isCompleting: boolean
}

interface WitnessedSong {
  readonly added: SongAdded
  readonly held: Set<ChunkId>
  readonly readers: Map<string, number>
  readonly neighbours: Set<PeerId>
  readonly chunks: Map<ChunkId, WitnessedChunk>
  isSeed: boolean
}

export class SchedulerWitness {
  readonly violations: string[] = []
  readonly #config: EngineConfig
  readonly #songs = new Map<SongId, WitnessedSong>()
  readonly #open = new Map<number, RequestBlocks>()
  readonly #bannedUntil = new Map<PeerId, number>()
  #queue: readonly SongId[] = []
  #lastRequestId = 0
  #now = 0

  constructor(config: EngineConfig) {
    this.#config = config
  }

  get openRequests(): ReadonlyMap<number, RequestBlocks> {
    return this.#open
  }

  /** An event was handled and answered with these commands. */
  saw(event: SchedulerEvent, commands: readonly SchedulerCommand[], scheduler: Pick<Scheduler, 'snapshot'>): void {
    this.#now = Math.max(this.#now, event.at)
    this.#take(event)
    for (const command of commands) this.#check(command)
    if (event.kind === 'song-removed') this.#songs.delete(event.songId)
    if (event.kind === 'chunk-stored' || event.kind === 'chunk-rejected') this.#judged(event.songId, event.chunkId)
    this.#checkBounds(scheduler)
    if (!commands.every(isPlainJson)) this.#note('commands are not plain JSON')
    if (!commands.every(command => Object.isFrozen(command))) this.#note('a command can be changed')
  }

  /** Whether a chunk is needed by the song's interest or by a reader. */
  isWanted(songId: SongId, chunkId: ChunkId): boolean {
    const song = this.#songs.get(songId)
    if (song === undefined || song.held.has(chunkId) || !isChunkOf(song.added.shape, chunkId)) return false
    const { fileSize, chunkSize } = song.added.shape
    const isAhead = (position: number) => position < fileSize && chunkId >= Math.floor(Math.max(0, position) / chunkSize)
    return song.isSeed || [...song.readers.values()].some(isAhead)
  }

  wantedChunks(): (readonly [SongId, ChunkId])[] {
    return [...this.#songs].flatMap(([songId, { added }]) =>
      Array.from({ length: added.shape.chunkCount }, (_, chunkId) => [songId, chunkId] as const).filter(([, chunkId]) =>
        this.isWanted(songId, chunkId),
      ),
    )
  }

  /** Chunks whose blocks are all here and that wait to be stored. */
  completing(): (readonly [SongId, ChunkId])[] {
    return [...this.#songs].flatMap(([songId, { chunks }]) =>
      [...chunks].filter(([, { isCompleting }]) => isCompleting).map(([chunkId]) => [songId, chunkId] as const),
    )
  }

  /** Whether a chunk may be fetched because its song comes after the one being played. */
  #isQueued(songId: SongId, chunkId: ChunkId): boolean {
    const song = this.#songs.get(songId)
    return song !== undefined && this.#queue.includes(songId) && !song.held.has(chunkId) && isChunkOf(song.added.shape, chunkId)
  }

  #note(what: string): void {
    this.violations.push(`at ${this.#now}: ${what}`)
  }

  #take(event: SchedulerEvent): void {
    const song = 'songId' in event ? this.#songs.get(event.songId) : undefined
    switch (event.kind) {
      case 'song-added':
        this.#songs.set(event.songId, {
          added: event,
          held: new Set(event.heldChunkIds.filter(chunkId => isChunkOf(event.shape, chunkId))),
          readers: new Map(),
          neighbours: song?.added.shape.chunkCount === event.shape.chunkCount ? song.neighbours : new Set(),
          chunks: song?.chunks ?? new Map(),
          isSeed: event.interest === 'seed',
        })
        break
      case 'interest-changed':
        if (song !== undefined) song.isSeed = event.interest === 'seed'
        break
      case 'playback-moved':
        song?.readers.set(event.readerId, event.positionBytes)
        break
      case 'playback-stopped':
        song?.readers.delete(event.readerId)
        break
      case 'queue-changed':
        this.#queue = event.songIds
        break
      case 'chunk-stored':
        if (song !== undefined && isChunkOf(song.added.shape, event.chunkId)) song.held.add(event.chunkId)
        break
      case 'chunk-lost':
        song?.held.delete(event.chunkId)
        break
      case 'chunk-unstored': {
        const chunk = song?.chunks.get(event.chunkId)
        if (chunk !== undefined) chunk.isCompleting = false
        break
      }
      case 'peer-listed':
      case 'peer-has':
      case 'peer-arriving':
        if ((this.#bannedUntil.get(event.peerId) ?? 0) <= this.#now) song?.neighbours.add(event.peerId)
        break
      default:
        this.#takeForSource(event)
    }
  }

  #judged(songId: SongId, chunkId: ChunkId): void {
    const chunks = this.#songs.get(songId)?.chunks
    if (chunks?.get(chunkId)?.isCompleting === true) chunks.delete(chunkId)
  }

  #takeForSource(event: SchedulerEvent): void {
    if (event.kind === 'peer-lost') {
      for (const { neighbours } of this.#songs.values()) neighbours.delete(event.peerId)
      for (const [requestId, { source }] of this.#open)
        if (source.kind === 'peer' && source.peerId === event.peerId) this.#open.delete(requestId)
      return
    }
    if (!('requestId' in event)) return
    const request = this.#open.get(event.requestId)
    const chunk = request && this.#songs.get(request.songId)?.chunks.get(request.chunkId)
    if (request === undefined || chunk === undefined) return
    const { firstBlock, blockCount } = request
    if (event.kind === 'blocks-verified') {
      const isInRun = event.firstBlock >= firstBlock && event.firstBlock + event.blockCount <= firstBlock + blockCount
      for (let block = 0; request.verify === 'blocks' && isInRun && block < event.blockCount; block++)
        chunk.blocksHere.add(event.firstBlock + block)
    } else if (event.kind === 'request-finished') {
      for (let block = firstBlock; block < firstBlock + blockCount; block++) chunk.blocksHere.add(block)
    }
    if (event.kind === 'request-finished' || event.kind === 'request-failed') this.#open.delete(event.requestId)
  }

  #check(command: SchedulerCommand): void {
    if (command.kind === 'request-blocks') this.#requestBlocks(command)
    else if (command.kind === 'cancel-request') this.#cancelRequest(command)
    else if (command.kind === 'complete-chunk') this.#completeChunk(command)
    else if (command.kind === 'discard-chunk') this.#discardChunk(command)
    else if (command.kind === 'ban-peer') this.#banPeer(command)
    else if (command.kind === 'find-peers') this.#findPeers(command)
    else if (command.kind !== 'report-peer' && !this.#songs.has(command.songId)) this.#note('trouble of a song that is not known')
  }

  #requestBlocks(request: RequestBlocks): void {
    const { requestId, songId, chunkId, firstBlock, blockCount, source } = request
    const song = this.#songs.get(songId)
    if (song === undefined) {
      this.#note(`request ${requestId} for a song that is not known`)
      return
    }
    if (requestId <= this.#lastRequestId) this.#note(`request id ${requestId} was used before`)
    this.#lastRequestId = requestId
    if (!this.isWanted(songId, chunkId) && !this.#isQueued(songId, chunkId))
      this.#note(`request ${requestId} for chunk ${chunkId}, which nobody wants`)
    const { shape } = song.added
    if (blockCount < 1 || firstBlock < 0 || firstBlock + blockCount > blockCountOf(shape, chunkId))
      this.#note(`request ${requestId} leaves its chunk`)
    if (request.verify === 'chunk' && blockCount !== blockCountOf(shape, chunkId))
      this.#note(`request ${requestId} is not for the whole chunk`)
    if (source.kind === 'peer') {
      if (!song.neighbours.has(source.peerId)) this.#note(`request ${requestId} to ${source.peerId}, who is not known to hold anything`)
      if ((this.#bannedUntil.get(source.peerId) ?? 0) > this.#now) this.#note(`request ${requestId} to ${source.peerId}, who is out`)
    }
    const chunk = song.chunks.get(chunkId) ?? { blocksHere: new Set<number>(), isCompleting: false }
    song.chunks.set(chunkId, chunk)
    if (chunk.isCompleting) this.#note(`request ${requestId} for chunk ${chunkId}, which is being completed`)
    this.#checkDoubles(request, chunk)
    this.#open.set(requestId, request)
  }

  /** A block may be on its way twice, from two sources: that is a hedge. Never thrice, and never when it is here. */
  #checkDoubles(request: RequestBlocks, chunk: WitnessedChunk): void {
    for (let block = request.firstBlock; block < request.firstBlock + request.blockCount; block++) {
      if (chunk.blocksHere.has(block)) this.#note(`request ${request.requestId} for block ${block}, which is here`)
      const others = [...this.#open.values()].filter(
        other =>
          other.songId === request.songId &&
          other.chunkId === request.chunkId &&
          block >= other.firstBlock &&
          block < other.firstBlock + other.blockCount,
      )
      if (others.length > 1) this.#note(`block ${block} of chunk ${request.chunkId} is on its way thrice`)
      if (others.some(({ source }) => JSON.stringify(source) === JSON.stringify(request.source)))
        this.#note(`block ${block} is on its way twice from one source`)
    }
  }

  #cancelRequest({ requestId }: CancelRequest): void {
    if (!this.#open.delete(requestId)) this.#note(`request ${requestId} is cancelled and was not open`)
  }

  #completeChunk({ songId, chunkId }: CompleteChunk): void {
    const song = this.#songs.get(songId)
    const chunk = song?.chunks.get(chunkId)
    if (song === undefined || chunk === undefined) {
      this.#note(`chunk ${chunkId} is completed and was never begun`)
      return
    }
    if (chunk.isCompleting) this.#note(`chunk ${chunkId} is completed twice`)
    if (chunk.blocksHere.size !== blockCountOf(song.added.shape, chunkId)) this.#note(`chunk ${chunkId} is completed and not whole`)
    chunk.isCompleting = true
  }

  #discardChunk({ songId, chunkId }: DiscardChunk): void {
    if (this.#songs.get(songId)?.chunks.delete(chunkId) !== true) this.#note(`chunk ${chunkId} is discarded and was never begun`)
    for (const request of this.#open.values())
      if (request.songId === songId && request.chunkId === chunkId)
        this.#note(`chunk ${chunkId} is discarded while request ${request.requestId} is open`)
  }

  #banPeer({ peerId, durationMs }: BanPeer): void {
    if ((this.#bannedUntil.get(peerId) ?? 0) > this.#now) this.#note(`${peerId} is banned twice`)
    this.#bannedUntil.set(peerId, this.#now + durationMs)
    for (const { neighbours } of this.#songs.values()) neighbours.delete(peerId)
    for (const { source, requestId } of this.#open.values())
      if (source.kind === 'peer' && source.peerId === peerId) this.#note(`${peerId} is banned while request ${requestId} to it is open`)
  }

  #findPeers({ songId }: FindPeers): void {
    if (!this.wantedChunks().some(([wanted]) => wanted === songId) && !this.#queue.includes(songId))
      this.#note(`the tracker is asked about ${songId}, of which nothing is wanted`)
  }

  #checkBounds(scheduler: Pick<Scheduler, 'snapshot'>): void {
    const snapshot = scheduler.snapshot()
    const mine = [...this.#open.keys()].join()
    const theirs = snapshot.requests.map(({ requestId }) => requestId).join()
    if (mine !== theirs) this.#note(`requests ${mine} are open and it thinks ${theirs} are`)
    const { downloadsInFlightMax, waitingRequestsMax } = this.#config
    if (snapshot.requests.length > downloadsInFlightMax + waitingRequestsMax) this.#note(`${snapshot.requests.length} requests are open`)
    const inProgress = snapshot.songs.reduce((sum, song) => sum + song.inProgress.length, 0)
    if (inProgress > this.#config.chunksInProgressMax) this.#note(`${inProgress} chunks are in progress`)
    for (const { peerId, openRequests } of snapshot.peers)
      if (openRequests > this.#config.batchesPerPeerMax) this.#note(`${openRequests} requests are out to ${peerId}`)
    if (snapshot.origin.openRequests > this.#config.originRequestsMax)
      this.#note(`${snapshot.origin.openRequests} requests are out to the origin`)
  }
}

/** What a trace can hold and give back unchanged. */
function isPlainJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean'
  return value !== null && Object.values(value).every(isPlainJson)
}
