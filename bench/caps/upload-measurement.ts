// What receivers that always want more get from one peer with an upload limit.
// Not a swarm: the receivers are raw sockets that acknowledge what they get, so nothing but the uploader sets the pace.
// Invariant: the receivers count every byte of audio and frames from the moment they are welcomed.

import type { SongId } from '@evastream/core/ids'
import { RawPeer } from '@evastream/testkit/raw-peer'
import type { BenchTown } from '../bench-town.ts'
import { type RateFigures, rateFigures, sampled } from './rate-figures.ts'

const SONG_SIZE_BYTES = 32 * 1024 * 1024
const CHUNK_COUNT = 128
const BLOCKS_PER_CHUNK = 16
const REQUESTS_OPEN = 3
const MEASURED_MS = 15_000
const PAUSE_MS = 10_000

export interface UploadWish {
  readonly limit: number
  readonly receivers: number
}

let songId: string | undefined

export async function measureUpload(town: BenchTown, { limit, receivers }: UploadWish): Promise<RateFigures> {
  songId ??= await town.publish(SONG_SIZE_BYTES)
  const peer = await town.startPeer('seeder', { flags: [`--song.id=${songId}`, `--upload-limit=${limit}`] })
  await town.whenComplete(peer, songId)
  const { uploadPort } = await town.status(peer)
  const meters = await Promise.all(Array.from({ length: receivers }, (_, index) => Receiver.connect(uploadPort, songId ?? '', index)))
  const count = () => meters.reduce((sum, meter) => sum + meter.receivedBytes, 0)
  for (const meter of meters) meter.start()
  const samples = await sampled(count, { forMs: MEASURED_MS })
  for (const meter of meters) meter.pause()
  await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
  const before = count()
  for (const meter of meters) meter.start()
  await new Promise(resolve => setTimeout(resolve, 1000))
  const afterPause = count() - before
  for (const meter of meters) meter.close()
  await town.stopPeer(peer)
  return rateFigures(samples, afterPause)
}

class Receiver {
  readonly #peer: RawPeer
  readonly #offset: number
  readonly #startedAtBytes: number
  #isPaused = true
  #requestId = 0
  #openCount = 0

  private constructor(peer: RawPeer, index: number) {
    this.#peer = peer
    this.#offset = index * 17
    this.#startedAtBytes = peer.socket.bytesRead
    void this.#read().catch(() => peer.close())
  }

  static async connect(port: number, id: string, index: number): Promise<Receiver> {
    const peer = await RawPeer.greet(port)
    await peer.subscribe(id as SongId)
    return new Receiver(peer, index)
  }

  get receivedBytes(): number {
    return this.#peer.socket.bytesRead - this.#startedAtBytes
  }

  start(): void {
    this.#isPaused = false
    while (this.#openCount < REQUESTS_OPEN) this.#ask()
  }

  /** Ends what is open. */
  pause(): void {
    this.#isPaused = true
    for (let requestId = this.#requestId - this.#openCount + 1; requestId <= this.#requestId; requestId++)
      this.#peer.send({ kind: 'cancel', requestId })
    this.#openCount = 0
  }

  close(): void {
    this.#peer.close()
  }

  #ask(): void {
    this.#openCount++
    this.#requestId++
    const chunkId = (this.#offset + this.#requestId) % CHUNK_COUNT
    this.#peer.ask({ requestId: this.#requestId, chunkId, blockCount: BLOCKS_PER_CHUNK, priority: 'play' })
  }

  async #read(): Promise<void> {
    for (const blocksReceived = new Map<number, number>(); ; ) {
      const { head } = await this.#peer.next('data')
      const blocks = (blocksReceived.get(head.requestId) ?? 0) + head.blockCount
      blocksReceived.set(head.requestId, blocks)
      this.#peer.send({ kind: 'ack', requestId: head.requestId, blocksReceived: blocks })
      if (blocks < BLOCKS_PER_CHUNK || this.#isPaused) continue
      this.#openCount--
      this.#ask()
    }
  }
}
