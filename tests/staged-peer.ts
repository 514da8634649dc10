// A peer that a test holds in its own hands: the real upload server behind a fault proxy, registered with the real tracker.
// Not a whole node: it downloads nothing, and what it claims and sends may be lies.
// Invariant: it speaks the real protocol over real sockets; only the proxy and the store misbehave, as the test says.

import { TrackerClient } from '@evastream/clients/tracker-client'
import { parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { TcpFaultProxy, type TcpFaults } from '@evastream/testkit/tcp-fault-proxy'
import { UploadServer } from '../apps/peer-node/upload-server.ts'
import type { LoopbackTown, PublishedFile } from './loopback-town.ts'

const HEARTBEAT_INTERVAL_MS = 200

export interface StagedPeerOptions {
  readonly peerId: string
  readonly song: PublishedFile
  readonly faults?: TcpFaults
  /** What is sent instead of a chunk. */
  readonly spoil?: (chunk: Uint8Array) => Uint8Array
  /** Announced to the tracker and to peers; sent only if `lacks` is not set. */
  readonly lacksEverything?: boolean
}

export class StagedPeer {
  readonly proxy: TcpFaultProxy
  /** Requests that reached the store. */
  readonly loads: number[]
  readonly #uploads: UploadServer
  readonly #tracker: TrackerClient
  readonly #stopHeartbeat: () => void

  private constructor(parts: {
    proxy: TcpFaultProxy
    loads: number[]
    uploads: UploadServer
    tracker: TrackerClient
    stopHeartbeat: () => void
  }) {
    this.proxy = parts.proxy
    this.loads = parts.loads
    this.#uploads = parts.uploads
    this.#tracker = parts.tracker
    this.#stopHeartbeat = parts.stopHeartbeat
  }

  static async start(town: LoopbackTown, options: StagedPeerOptions): Promise<StagedPeer> {
    const { song, faults = {}, spoil = chunk => chunk, lacksEverything = false } = options
    const peerId = parsePeerId(options.peerId)
    const songId = parseSongId(song.songId)
    const chunkIds = Array.from({ length: Math.ceil(song.bytes.length / song.chunkSize) }, (_, chunkId) => chunkId)
    const loads: number[] = []
    const store = {
      heldChunks: () => chunkIds,
      hasChunk: (_: SongId, chunkId: number) => !lacksEverything && chunkId < chunkIds.length,
      loadChunk: (_: SongId, chunkId: number) => {
        loads.push(chunkId)
        const chunk = song.bytes.slice(chunkId * song.chunkSize, (chunkId + 1) * song.chunkSize)
        return Promise.resolve(spoil(chunk))
      },
    }
    const uploads = new UploadServer({ store, clock: systemClock, timers: systemTimers, log: SILENT }, { peerId })
    const proxy = await TcpFaultProxy.start(await uploads.start(), faults)
    const tracker = new TrackerClient({ baseUrl: town.url('tracker') })
    await tracker.register({ peerId, port: proxy.port })
    await tracker.notifyChunkAcquired(songId, chunkIds)
    const stopHeartbeat = systemTimers.every(HEARTBEAT_INTERVAL_MS, () => void tracker.heartbeat().catch(trackerGone))
    return new StagedPeer({ proxy, loads, uploads, tracker, stopHeartbeat })
  }

  async close(): Promise<void> {
    this.#stopHeartbeat()
    await this.#tracker.close()
    await this.proxy.close()
    await this.#uploads.stop()
  }
}

/** A test may end its tracker before its staged peers. */
const trackerGone = (): undefined => undefined

const ignore = (): undefined => undefined

const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore }
