// What becomes of a chunk once all its blocks are here: stored, rejected by its hash, or refused by the disk.
// Not the hashing and storing themselves (the coordinator's hands).
// Invariant: a chunk counts as held only when it is stored; blame falls on a peer only if that peer alone sent the whole chunk.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId } from '@evastream/core/ids'
import type { EngineState } from '../engine-state.ts'
import { doublingPauseMs } from '../requests/backoff.ts'
import type { RequestDesk } from '../requests/request-desk.ts'
import type { SongState } from '../songs/song-state.ts'
import type { BlameDesk } from '../sources/blame-desk.ts'
import type { ChunkProgress } from './chunk-progress.ts'

export class ChunkVerdicts {
  readonly #state: EngineState
  readonly #desk: RequestDesk
  readonly #blame: BlameDesk

  constructor(deps: { readonly state: EngineState; readonly desk: RequestDesk; readonly blame: BlameDesk }) {
    this.#state = deps.state
    this.#desk = deps.desk
    this.#blame = deps.blame
  }

  /** If all its blocks are here now, it is to be completed. */
  judge(song: SongState, chunk: ChunkProgress): void {
    if (chunk.phase !== 'fetching' || !chunk.isFull) return
    chunk.phase = 'completing'
    this.#state.emit({ kind: 'complete-chunk', songId: song.songId, chunkId: chunk.chunkId })
  }

  stored(song: SongState, chunkId: ChunkId): void {
    if (chunkId >= song.shape.chunkCount) return
    const chunk = song.progress.get(chunkId)
    // A late answer to an earlier life of the song: what was begun again meanwhile is not needed.
    if (chunk?.phase === 'fetching') this.#desk.discard(song, chunk)
    else if (chunk !== undefined) for (const request of this.#state.requests.ofChunk(chunk)) this.#desk.cancel(request, 'superseded')
    song.chunkHeld(chunkId)
    song.audioCame(this.#state.now)
  }

  rejected(song: SongState, chunkId: ChunkId): void {
    const chunk = song.progress.get(chunkId)
    if (chunk === undefined || chunk.phase === 'fetching') return
    const { now, requests } = this.#state
    for (const request of requests.ofChunk(chunk)) this.#desk.cancel(request, 'superseded')
    song.progress.delete(chunkId)
    if (chunk.verify === 'blocks') {
      song.isInconsistent = true
      song.pauseChunk(chunkId, now)
      this.#state.emit({ kind: 'report-trouble', code: 'EVA_MANIFEST_INCONSISTENT', songId: song.songId, chunkId })
      return
    }
    const sender = chunk.senders[0]
    if (song.isInconsistent || sender === undefined) {
      if (sender?.kind === 'peer') song.markPeer(chunkId, sender.peerId, now)
      song.pauseHopelessChunk(chunkId, now)
    } else if (sender.kind === 'peer') this.#blame.banPeer(sender.peerId, 'EVA_CHUNK_HASH_MISMATCH')
    else this.#blame.originSentBadChunk(song, chunkId)
  }

  /** The bytes are good and stay in their buffer; the disk is asked again after a pause. */
  unstored(song: SongState, chunkId: ChunkId, code: ErrorCode): void {
    const chunk = song.progress.get(chunkId)
    if (chunk === undefined || chunk.phase !== 'completing') return
    const { config, now } = this.#state
    chunk.phase = 'unstored'
    chunk.storeFailures++
    chunk.activeAt = now
    chunk.retryAt = now + doublingPauseMs(chunk.storeFailures, config.unstoredPauseBaseMs, config.unstoredPauseMaxMs)
    if (!song.isWanted(chunkId)) this.#desk.discard(song, chunk)
    else if (chunk.storeFailures === 1) this.#state.emit({ kind: 'report-trouble', code, songId: song.songId, chunkId })
  }
}
