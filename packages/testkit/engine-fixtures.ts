// Parts of the engine made ready for a test: a state with songs and peers in it, and the desks around it.
// Not a Scheduler (scheduler-driver has that): for tests of one part at a time.
// Invariant: the same arguments give the same parts.

import type { ChunkId, PeerId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import { seededRandom } from '@evastream/core/random'
import { KIB, type Millis } from '@evastream/core/units'
import { ChunkVerdicts } from '@evastream/engine/chunks/chunk-verdicts'
import { StartableChunks } from '@evastream/engine/chunks/startable-chunks'
import type { SchedulerCommand, Source } from '@evastream/engine/commands'
import { type EngineConfig, engineConfig } from '@evastream/engine/config'
import { EngineState } from '@evastream/engine/engine-state'
import type { SongAdded } from '@evastream/engine/events'
import { HedgeDesk } from '@evastream/engine/requests/hedge-desk'
import { RelayMoves } from '@evastream/engine/requests/relay-moves'
import { RequestDesk } from '@evastream/engine/requests/request-desk'
import type { OpenRequest } from '@evastream/engine/requests/request-table'
import { RequestWatch } from '@evastream/engine/requests/request-watch'
import { SongState } from '@evastream/engine/songs/song-state'
import { BlameDesk } from '@evastream/engine/sources/blame-desk'
import { FreeNeighbours } from '@evastream/engine/sources/free-neighbours'
import { originLast } from '@evastream/engine/sources/origin-last'
import { PeerLookup } from '@evastream/engine/sources/peer-lookup'
import { SourceSurvey } from '@evastream/engine/sources/source-survey'
import { aSongId, peerNamed } from './scheduler-driver.ts'

export const fromOrigin: Source = { kind: 'origin' }

export function fromPeer(name: string): Source {
  return { kind: 'peer', peerId: peerNamed(name) }
}

/** Eight chunks of 16 blocks, unless told otherwise. */
export function aSongAdded(changes: Partial<SongAdded> = {}): SongAdded {
  const shape: SongShape = { fileSize: 8 * 256 * KIB, chunkSize: 256 * KIB, chunkCount: 8 }
  return {
    kind: 'song-added',
    at: 0,
    songId: aSongId,
    shape,
    byteRateBytesPerSecond: 40_000,
    hasBlockHashes: true,
    heldChunkIds: [],
    interest: 'seed',
    ...changes,
  }
}

export function aSongState(changes: Partial<SongAdded> = {}, config: Partial<EngineConfig> = {}): SongState {
  return new SongState(aSongAdded(changes), engineConfig(config))
}

export class EngineParts {
  readonly state: EngineState
  readonly survey: SourceSurvey
  readonly desk: RequestDesk
  readonly blame: BlameDesk
  readonly verdicts: ChunkVerdicts
  readonly lookup: PeerLookup
  readonly moves: RelayMoves
  readonly watch: RequestWatch

  constructor(config: Partial<EngineConfig> = {}, seed = 1) {
    this.state = new EngineState({ random: seededRandom(seed) }, engineConfig(config))
    const { state } = this
    this.survey = new SourceSurvey(state)
    this.desk = new RequestDesk({ state, survey: this.survey })
    this.blame = new BlameDesk({ state, desk: this.desk })
    this.verdicts = new ChunkVerdicts({ state, desk: this.desk, blame: this.blame })
    this.lookup = new PeerLookup(state)
    const sourceSelection = originLast(state.config)
    const hedging = new HedgeDesk({ state, survey: this.survey, desk: this.desk, blame: this.blame, sourceSelection })
    this.moves = new RelayMoves({ state, survey: this.survey, desk: this.desk, blame: this.blame })
    this.watch = new RequestWatch({ state, blame: this.blame, hedging, moves: this.moves })
  }

  /** Each time another, which has looked at nobody yet. */
  get startable(): StartableChunks {
    const { state, survey } = this
    return new StartableChunks({ state, survey, neighbours: new FreeNeighbours({ state, survey }) })
  }

  addSong(changes: Partial<SongAdded> = {}): SongState {
    const song = new SongState(aSongAdded(changes), this.state.config)
    this.state.peers.addSong(song.songId, song.shape.chunkCount)
    this.state.songs.add(song)
    return song
  }

  /** A peer that holds the chunks (all of them, unless said otherwise), by its own word. */
  addPeer(name: string, song: SongState, chunkIds?: readonly ChunkId[]): PeerId {
    const peerId = peerNamed(name)
    const all = Array.from({ length: song.shape.chunkCount }, (_, chunkId) => chunkId)
    this.state.peers.listed(song.songId, peerId, { chunkIds: chunkIds ?? all, told: 'peer' })
    return peerId
  }

  /** Opens a request for a run (the whole chunk, unless said otherwise). */
  ask(
    song: SongState,
    source: Source,
    run: Partial<{ chunkId: ChunkId; firstBlock: number; blockCount: number; deadlineAt: Millis }> = {},
  ): OpenRequest {
    const { chunkId = 0, firstBlock = 0, deadlineAt } = run
    const chunk = song.progress.get(chunkId) ?? song.startChunk(chunkId, this.state.now)
    this.state.songs.changed(song)
    const { blockCount = chunk.blockCount - firstBlock } = run
    const priority = deadlineAt === undefined ? 'seed' : 'play'
    return this.desk.open({ song, chunk, run: { firstBlock, blockCount }, source, priority, deadlineAt, hedgeOf: undefined })
  }

  /** A second request for all that is missing of a first. */
  hedge(first: OpenRequest, source: Source): OpenRequest {
    const { song, chunk, run, priority, deadlineAt } = first
    return this.desk.open({ song, chunk, run, source, priority, deadlineAt, hedgeOf: first })
  }

  /** The commands given since the last call. */
  commands(): readonly SchedulerCommand[] {
    return this.state.takeCommands()
  }
}
