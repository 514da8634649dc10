// Reads the end of a file for a player that is going to look there, so that it comes early.
// Not a player's connection: nobody is given its bytes, and it begins only when the first sound is out.
// Invariant: the Scheduler is told of it only while the tail is missing, and always told when it stops.

import { toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import type { NodeLog } from '../ports.ts'
import { tailStartOf } from './container-tail.ts'
import type { VerifiedAudio } from './verified-audio.ts'

export interface TailReaderDeps {
  readonly audio: Pick<VerifiedAudio, 'read' | 'readableBytes'>
  readonly coordinator: {
    readingAhead(songId: SongId, readerId: string, positionBytes: number): void
    playbackStopped(songId: SongId, readerId: string): void
  }
  readonly log: Pick<NodeLog, 'debug'>
}

/** Resolves when the tail is here, is not needed, or `signal` says that nobody plays any more. */
export async function readTail(deps: TailReaderDeps, wish: { song: Manifest; readerId: string }, signal: AbortSignal): Promise<void> {
  const { audio, coordinator, log } = deps
  const { song, readerId } = wish
  let isTold = false
  try {
    const headBytes = audio.readableBytes(song, { offsetBytes: 0, lengthMaxBytes: BLOCK_SIZE_BYTES })
    const head = headBytes === 0 ? new Uint8Array(0) : await audio.read(song, { offsetBytes: 0, lengthMaxBytes: headBytes }, signal)
    const start = tailStartOf(song, head) ?? song.fileSize
    for (let at = start; at < song.fileSize; ) {
      const rest = { offsetBytes: at, lengthMaxBytes: song.fileSize - at }
      const readyBytes = audio.readableBytes(song, rest)
      if (readyBytes === 0) {
        coordinator.readingAhead(song.id, readerId, at)
        isTold = true
      }
      at += readyBytes > 0 ? readyBytes : (await audio.read(song, rest, signal)).length
    }
  } catch (thrown) {
    const error = toEvaError(thrown)
    if (error.code !== 'EVA_CANCELLED')
      log.debug({ songId: song.id, code: error.code }, `The end of the song was not read ahead: ${error.message}`)
  } finally {
    if (isTold) coordinator.playbackStopped(song.id, readerId)
  }
}
