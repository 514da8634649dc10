// Blocks handed on while their chunk is still arriving: real sockets on one side, sources in the test's hands on the other.
// Not the choice of a partial holder (the Scheduler's).
// Invariant: whatever a dialer got, and however its request ended, every byte of it is the published one.

import { EvaError } from '@evastream/core/errors'
import type { PeerId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES, KIB } from '@evastream/core/units'
import type { RequestBlocks } from '@evastream/engine/commands'
import { GATHER_MS } from '@evastream/engine/uploads/gathered-news'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { keptLog } from '@evastream/testkit/kept-log'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { RawPeer, type RawRequest } from '@evastream/testkit/raw-peer'
import { ScriptedSource } from '@evastream/testkit/scripted-source'
import { songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it } from 'vitest'
import { ChunkDownloads } from '../download/chunk-downloads.ts'
import { GATHER_MS as LOOK_MS } from '../download/gathered-runs.ts'
import { DeadlineTimer } from '../download/wake-timer.ts'
import { TransferLedger } from '../playback/transfer-ledger.ts'
import type { BlockRequest } from '../ports.ts'
import { UploadServer, type UploadServerOptions } from '../upload-server.ts'

const BLOCK = BLOCK_SIZE_BYTES
/** Chunks of four blocks; the last chunk is one of two and a bit. */
const song = songFixture({ fileSize: 4 * 64 * KIB + 40_000, chunkSize: 64 * KIB })
const { id: songId } = song.manifest
const nothing = () => undefined

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface StageOptions extends Partial<UploadServerOptions> {
  readonly blockHashes?: Uint8Array | 'none'
  readonly held?: readonly number[]
}

/** A node that fetches what the test delivers and hands on what it can. */
async function newStage({ blockHashes = song.blockHashes, held = [], ...options }: StageOptions = {}) {
  const clock = fakeClock()
  const store = new MemoryChunkStore()
  await store.openSong(song.manifest)
  for (const chunkId of held) await store.saveChunk(songId, chunkId, song.chunkBytes(chunkId))
  const origin = new ScriptedSource<BlockRequest>()
  const saving = { fault: undefined as EvaError | undefined }
  const stored = new Set<number>()
  const downloads = new ChunkDownloads({
    clock,
    origin,
    network: { sourceOf: nothing },
    store: {
      saveChunk: async (...chunk) => {
        if (saving.fault !== undefined) throw saving.fault
        await store.saveChunk(...chunk)
      },
      saveVerified: async (...chunk) => {
        if (saving.fault !== undefined) throw saving.fault
        await store.saveVerified(...chunk)
      },
    },
    ledger: new TransferLedger({ registry: new Registry() }),
    outages: { failed: nothing, answered: nothing, stored: nothing },
    feed: nothing,
    makeTimer: wake => new DeadlineTimer({ clock, timers: clock, wake }),
    chunkVerified: nothing,
    chunkStored: ({ chunkId }) => {
      server.announceHave(songId, [chunkId])
      stored.add(chunkId)
    },
    chunkArriving: (id, chunkId) => server.announceArriving(id, [chunkId]),
    arrivalEnded: (id, chunkId) => server.announceLack(id, [chunkId]),
    audioArrived: nothing,
  })
  downloads.addSong({ songId, shape: song.manifest, blockHashes: blockHashes === 'none' ? undefined : blockHashes })
  const server = new UploadServer(
    { store, arrivals: downloads, clock, timers: clock, log: keptLog().log },
    { peerId: 'relay' as PeerId, ...options },
  )
  const port = await server.start()
  closers.push(() => server.stop())
  const greet = async () => {
    const peer = await RawPeer.greet(port)
    closers.push(() => peer.close())
    return peer
  }
  const listen = async () => {
    const peer = await greet()
    await peer.subscribe(songId)
    return peer
  }
  let requestId = 0
  /** Asks the origin for a run of blocks, by default the whole of chunk 1. */
  const fetch = (wish: Partial<RequestBlocks> = {}) => {
    const run = { songId, chunkId: 1, firstBlock: 0, blockCount: 4, priority: 'seed', verify: 'blocks' } as const
    downloads.request({ kind: 'request-blocks', requestId: ++requestId, ...run, source: { kind: 'origin' }, ...wish })
    const source = origin.fetch(requestId - 1)
    const deliverAtOnce = source.deliver.bind(source)
    const deliver = (bytes: Uint8Array) => {
      deliverAtOnce(bytes)
      clock.advance(LOOK_MS)
    }
    return Object.assign(source, { deliver, deliverAtOnce })
  }
  const complete = (chunkId = 1) => downloads.complete({ kind: 'complete-chunk', songId, chunkId })
  /** Stored, and told as held, whatever was told before. */
  const completeAndTell = async () => {
    complete()
    await eventually('the chunk is stored', () => stored.has(1))
    clock.advance(GATHER_MS)
  }
  const discard = () => {
    downloads.cancel({ kind: 'cancel-request', requestId, reason: 'unwanted' })
    downloads.discard({ kind: 'discard-chunk', songId, chunkId: 1 })
  }
  return { clock, store, downloads, server, greet, listen, fetch, complete, completeAndTell, discard, saving }
}

const blocks = (first: number, end: number, chunkId = 1) => song.chunkBytes(chunkId).subarray(first * BLOCK, end * BLOCK)
const askFor = (requestId: number, wish: Partial<RawRequest> = {}): RawRequest => ({ requestId, chunkId: 1, blockCount: 4, ...wish })
/** All but one block of what may be on its way at first, so that its next request is stuck after one. */
async function useUpCredit(peer: RawPeer): Promise<void> {
  peer.ask({ requestId: 1, blockCount: 3 })
  for (let block = 0; block < 3; block++) await peer.next('data')
}

const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

describe('relay: what is told', () => {
  it('relay: a first block verified: subscribers hear that the chunk is arriving, later ones right after the bitfield, and then that it is held', async () => {
    const { listen, greet, fetch, completeAndTell } = await newStage({ held: [0] })
    const early = await listen()
    const source = fetch()
    source.deliver(blocks(0, 1).subarray(0, BLOCK - 1))
    await early.settle()
    expect(early.received).toEqual([])
    source.deliver(blocks(0, 1).subarray(BLOCK - 1))
    expect(await early.next('arriving')).toEqual({ kind: 'arriving', handle: 1, chunks: [{ chunkId: 1, blocks: [0] }] })
    const late = await greet()
    late.send({ kind: 'subscribe', handle: 7, songId })
    expect(await late.next('bitfield')).toMatchObject({ bits: Uint8Array.of(0x80) })
    expect(await late.next('arriving')).toEqual({ kind: 'arriving', handle: 7, chunks: [{ chunkId: 1, blocks: [0] }] })
    source.deliver(blocks(1, 4))
    await completeAndTell()
    for (const peer of [early, late]) expect(await peer.next('have')).toMatchObject({ chunkIds: [1] })
    await Promise.all([early.settle(), late.settle()])
    expect([early.received, late.received]).toEqual([[], []])
  })

  it('relay: further blocks verify: are told again, together with those of other chunks, 100 ms after what was told before', async () => {
    const { listen, fetch, clock } = await newStage()
    const peer = await listen()
    const [tail, head] = [fetch({ firstBlock: 2, blockCount: 2 }), fetch({ firstBlock: 0, blockCount: 2 })]
    tail.deliver(blocks(2, 3))
    expect(await peer.next('arriving')).toMatchObject({ chunks: [{ chunkId: 1, blocks: [2] }] })
    head.deliver(blocks(0, 1))
    fetch({ chunkId: 2, firstBlock: 0, blockCount: 1 }).deliver(blocks(0, 1, 2))
    fetch({ chunkId: 2, firstBlock: 3, blockCount: 1 }).deliverAtOnce(blocks(3, 4, 2))
    clock.advance(GATHER_MS - 2 * LOOK_MS - 1)
    await peer.settle()
    expect(peer.received).toEqual([])
    clock.advance(1)
    const chunks = [
      { chunkId: 1, blocks: [0, 2] },
      { chunkId: 2, blocks: [0, 3] },
    ]
    expect(await peer.next('arriving')).toEqual({ kind: 'arriving', handle: 1, chunks })
  })

  it('relay: a chunk becomes whole while news of its blocks wait: is told as held only', async () => {
    const { listen, fetch, completeAndTell, clock } = await newStage()
    const peer = await listen()
    const source = fetch()
    for (const block of [0, 1, 2]) source.deliver(blocks(block, block + 1))
    source.deliverAtOnce(blocks(3, 4))
    clock.advance(GATHER_MS)
    await completeAndTell()
    expect(await peer.next('have')).toMatchObject({ chunkIds: [1] })
    clock.advance(GATHER_MS)
    await peer.settle()
    expect(peer.received).toEqual([{ kind: 'arriving', handle: 1, chunks: [{ chunkId: 1, blocks: [0] }] }])
  })

  it('relay: a chunk is given up while news of its blocks wait: nothing is told of it after it is gone', async () => {
    const { listen, fetch, discard, clock } = await newStage()
    const peer = await listen()
    const source = fetch()
    for (const block of [0, 1, 2]) source.deliver(blocks(block, block + 1))
    discard()
    expect(await peer.next('unhave')).toMatchObject({ chunkIds: [1] })
    clock.advance(GATHER_MS)
    await peer.settle()
    expect(peer.received.map(frame => frame.kind)).toEqual(['arriving'])
  })

  it('relay: who subscribes late: is told all blocks that are here, also those whose news still wait for others', async () => {
    const { listen, greet, fetch, saving, complete } = await newStage()
    const early = await listen()
    const source = fetch()
    for (const block of [0, 1, 2]) source.deliver(blocks(block, block + 1))
    const late = await greet()
    await late.subscribe(songId)
    expect(await late.next('arriving')).toMatchObject({ chunks: [{ chunkId: 1, blocks: [0, 1, 2] }] })
    expect(await early.next('arriving')).toMatchObject({ chunks: [{ chunkId: 1, blocks: [0] }] })
    saving.fault = new EvaError('EVA_STORAGE_FULL')
    source.deliver(blocks(3, 4))
    complete()
    const latest = await listen()
    expect(await latest.next('arriving')).toMatchObject({ chunks: [{ chunkId: 1, blocks: [0, 1, 2, 3] }] })
  })

  it('relay: nobody is connected: news of blocks set no timer', async () => {
    const { fetch, clock } = await newStage()
    const source = fetch()
    source.deliver(blocks(0, 1))
    const timers = clock.pendingCount
    source.deliver(blocks(1, 2))
    source.deliver(blocks(2, 3))
    expect(clock.pendingCount).toBe(timers)
  })

  it('relay: a chunk that is here all at once: is told as held only', async () => {
    const { listen, fetch, complete } = await newStage()
    const peer = await listen()
    fetch().deliverAtOnce(blocks(0, 4))
    complete()
    await peer.next('have')
    await peer.settle()
    expect(peer.received).toEqual([])
  })

  it('relay: a song without block hashes: nothing is told before it is held, and a request is told that it is missing', async () => {
    const { listen, fetch } = await newStage({ blockHashes: 'none' })
    const peer = await listen()
    fetch({ verify: 'chunk' }).deliver(blocks(0, 3))
    peer.ask(askFor(1))
    expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'chunk-missing' })
    expect(await peer.next('unhave')).toMatchObject({ chunkIds: [1] })
    await peer.settle()
    expect(peer.received).toEqual([])
  })

  it('relay: blocks that are taken on trust because their hashes contradict the chunk: are not handed on', async () => {
    const { listen, fetch } = await newStage()
    const peer = await listen()
    fetch({ verify: 'chunk' }).deliver(blocks(0, 3))
    peer.ask(askFor(1))
    expect(await peer.next('reject')).toMatchObject({ code: 'chunk-missing' })
  })
})

describe('relay: sending', () => {
  it('relay: asked for before the first block is here: each block is sent as it verifies, in any portions', async () => {
    const { listen, fetch, server } = await newStage()
    const peer = await listen()
    const source = fetch()
    peer.ask(askFor(1))
    await peer.settle()
    for (let from = 0; from < 4 * BLOCK; from += 5000) source.deliver(song.chunkBytes(1).subarray(from, from + 5000))
    expect(isSame(await peer.take(askFor(1)), song.chunkBytes(1))).toBe(true)
    await eventually('idle', () => server.snapshot().inServiceCount === 0)
  })

  it('relay: part of the run is here: it is sent at once, and the rest waits without a slot, which others use', async () => {
    const { listen, fetch, server } = await newStage({ held: [0], uploadsMax: 1 })
    const [peer, other] = [await listen(), await listen()]
    const source = fetch()
    source.deliver(blocks(0, 2))
    peer.ask(askFor(1, { firstBlock: 1, blockCount: 2 }))
    expect(isSame(await peer.take(askFor(1, { blockCount: 1 })), blocks(1, 2))).toBe(true)
    expect(server.snapshot()).toMatchObject({ inServiceCount: 0, waitingCount: 0 })
    other.ask({ requestId: 1, blockCount: 4 })
    expect(isSame(await other.take({ requestId: 1, blockCount: 4 }), song.chunkBytes(0))).toBe(true)
    source.deliver(blocks(2, 3))
    const { head, audio } = await peer.next('data')
    expect([head.firstBlock, head.blockCount, isSame(audio, blocks(2, 3))]).toEqual([2, 1, true])
    peer.send({ kind: 'ack', requestId: 1, blocksReceived: 2 })
    await peer.settle()
    expect(server.snapshot()).toMatchObject({ inServiceCount: 0, waitingCount: 0 })
  })

  it('relay: a short last block: comes too', async () => {
    const { listen, fetch } = await newStage()
    const peer = await listen()
    const source = fetch({ chunkId: 4, blockCount: 3 })
    peer.ask(askFor(1, { chunkId: 4, blockCount: 3 }))
    source.deliver(song.chunkBytes(4))
    expect(isSame(await peer.take(askFor(1, { blockCount: 3 })), song.chunkBytes(4))).toBe(true)
  })

  it('relay: blocks that come from a second source into a buffer of their own: are sent in order all the same', async () => {
    const { listen, fetch } = await newStage()
    const peer = await listen()
    const slow = fetch()
    const hedge = fetch({ firstBlock: 1, blockCount: 2 })
    peer.ask(askFor(1))
    hedge.deliver(blocks(1, 3))
    await peer.settle()
    expect(peer.received.filter(frame => frame.kind === 'data')).toEqual([])
    slow.deliver(blocks(0, 4))
    expect(isSame(await peer.take(askFor(1)), song.chunkBytes(1))).toBe(true)
  })

  it('relay: a chunk that is stored while a request of it waits, and while another is being sent: both go on from the store', async () => {
    const { listen, fetch, completeAndTell, server } = await newStage({ held: [0] })
    const [waiting, slow] = [await listen(), await listen()]
    await useUpCredit(slow)
    const source = fetch()
    source.deliver(blocks(0, 1))
    waiting.ask(askFor(1))
    await waiting.take(askFor(1, { blockCount: 1 }))
    source.deliver(blocks(1, 3))
    slow.ask(askFor(2))
    expect(isSame((await slow.next('data')).audio, blocks(0, 1))).toBe(true)
    source.deliver(blocks(3, 4))
    await completeAndTell()
    await waiting.next('have')
    slow.send({ kind: 'ack', requestId: 1, blocksReceived: 3 }, { kind: 'ack', requestId: 2, blocksReceived: 1 })
    for (const block of [1, 2, 3]) {
      expect(isSame((await slow.next('data')).audio, blocks(block, block + 1))).toBe(true)
      slow.send({ kind: 'ack', requestId: 2, blocksReceived: block + 1 })
    }
    const parts: Uint8Array[] = []
    while (Buffer.concat(parts).length < 3 * BLOCK) {
      const { head, audio } = await waiting.next('data')
      parts.push(audio)
      waiting.send({ kind: 'ack', requestId: 1, blocksReceived: head.firstBlock + head.blockCount })
    }
    expect(isSame(Buffer.concat(parts), blocks(1, 4))).toBe(true)
    await eventually('idle', () => server.snapshot().inServiceCount === 0)
  })

  it('relay: the rest of a chunk is judged by the chunk as a whole: who waits for it gets it once it is stored', async () => {
    const { listen, fetch, complete, store } = await newStage()
    const peer = await listen()
    const first = fetch()
    first.deliver(blocks(0, 1))
    peer.ask(askFor(1))
    expect(isSame((await peer.next('data')).audio, blocks(0, 1))).toBe(true)
    peer.send({ kind: 'ack', requestId: 1, blocksReceived: 1 })
    const whole = fetch({ verify: 'chunk' })
    whole.deliver(blocks(0, 4))
    whole.succeed()
    await whole.settled
    await peer.settle()
    first.deliver(blocks(1, 2))
    await peer.settle()
    expect([store.hasChunk(songId, 1), peer.received.some(frame => frame.kind === 'data')]).toEqual([false, false])
    complete()
    expect(isSame((await peer.next('data')).audio, blocks(1, 2))).toBe(true)
  })

  it('relay: all blocks are here and the disk does not take the chunk: they are handed on from memory', async () => {
    const { listen, fetch, complete, saving } = await newStage()
    const peer = await listen()
    saving.fault = new EvaError('EVA_STORAGE_FULL')
    fetch().deliver(blocks(0, 4))
    complete()
    peer.ask(askFor(1))
    expect(isSame(await peer.take(askFor(1)), song.chunkBytes(1))).toBe(true)
  })
})

describe('relay: faults', () => {
  it('relay: a block that does not verify: is not sent, and the right one from elsewhere is', async () => {
    const { listen, fetch } = await newStage()
    const peer = await listen()
    const liar = fetch()
    peer.ask(askFor(1))
    const bad = blocks(0, 4).slice()
    bad[BLOCK + 7] = (bad[BLOCK + 7] as number) ^ 1
    liar.deliver(bad)
    expect(isSame(await peer.take(askFor(1, { blockCount: 1 })), blocks(0, 1))).toBe(true)
    await peer.settle()
    expect(peer.received.filter(frame => frame.kind !== 'arriving')).toEqual([])
    fetch({ firstBlock: 1, blockCount: 3 }).deliver(blocks(1, 4))
    expect(isSame((await peer.next('data')).audio, blocks(1, 2))).toBe(true)
  })

  it('relay: the source dies midway: the request waits, and goes on with the next source', async () => {
    const { listen, fetch, clock } = await newStage()
    const peer = await listen()
    const dying = fetch()
    peer.ask(askFor(1))
    dying.deliver(blocks(0, 2).subarray(0, BLOCK + 100))
    await peer.take(askFor(1, { blockCount: 1 }))
    dying.fail(new EvaError('EVA_ORIGIN_UNREACHABLE'))
    clock.advance(1500)
    fetch({ firstBlock: 1, blockCount: 3 }).deliver(blocks(1, 4))
    const { audio } = await peer.next('data')
    expect(isSame(audio, blocks(1, 2))).toBe(true)
  })

  it('relay: no block for 2 s: the request is told to come back, what was sent counts, and the connection stays', async () => {
    const { listen, fetch, clock, server } = await newStage({ held: [0] })
    const peer = await listen()
    const source = fetch()
    source.deliver(blocks(0, 1))
    peer.ask(askFor(1))
    await peer.take(askFor(1, { blockCount: 1 }))
    await peer.settle()
    clock.advance(1750)
    await peer.settle()
    expect(peer.received.some(frame => frame.kind === 'reject')).toBe(false)
    clock.advance(500)
    expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'busy', retryAfterMs: 250 })
    source.deliver(blocks(1, 4))
    peer.ask({ requestId: 2 })
    await peer.take({ requestId: 2 })
    expect(peer.received.filter(frame => frame.kind === 'data')).toEqual([])
    await eventually('idle', () => server.snapshot().inServiceCount === 0)
  })

  it('relay: a chunk given up: waiting requests are told that it is missing, subscribers that it is gone, told before or not', async () => {
    const { listen, fetch, discard } = await newStage()
    const peer = await listen()
    const source = fetch()
    peer.ask(askFor(1))
    await peer.settle()
    discard()
    expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'chunk-missing' })
    expect(await peer.next('unhave')).toMatchObject({ chunkIds: [1] })
    source.deliver(blocks(0, 4))
    await peer.settle()
    expect(peer.received).toEqual([])
  })

  it('relay: blocks that verified and a chunk that does not: the chunk is given up', async () => {
    const { listen, fetch, complete, saving } = await newStage({ held: [0] })
    const [peer, slow] = [await listen(), await listen()]
    await useUpCredit(slow)
    saving.fault = new EvaError('EVA_CHUNK_HASH_MISMATCH')
    const source = fetch()
    source.deliver(blocks(0, 3))
    slow.ask(askFor(2))
    await slow.next('data')
    source.deliver(blocks(3, 4))
    complete()
    expect(await peer.next('unhave')).toMatchObject({ chunkIds: [1] })
    peer.ask(askFor(1))
    expect(await peer.next('reject')).toMatchObject({ code: 'chunk-missing' })
    // What it had been sent was verified; it hears of the rest once.
    expect(await slow.next('reject')).toMatchObject({ requestId: 2, code: 'chunk-missing' })
  })

  it('relay: more requests wait than may: the next is told to come back; a cancelled one makes room', async () => {
    const { listen, fetch } = await newStage({ relaysMax: 2 })
    const peer = await listen()
    const source = fetch()
    for (const requestId of [1, 2, 3]) peer.ask(askFor(requestId))
    expect(await peer.next('reject')).toMatchObject({ requestId: 3, code: 'busy', retryAfterMs: 250 })
    peer.send({ kind: 'cancel', requestId: 1 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'cancelled' })
    peer.ask(askFor(4, { blockCount: 1 }))
    await peer.settle()
    source.deliver(blocks(0, 1))
    const first = [await peer.next('data'), await peer.next('data')]
    expect(first.map(({ head }) => head.requestId).toSorted()).toEqual([2, 4])
  })

  it('relay: a dialer that leaves while its requests wait: is forgotten, and the chunk goes on', async () => {
    const { listen, fetch, complete, server, store } = await newStage()
    const [leaving, staying] = [await listen(), await listen()]
    const source = fetch()
    for (const requestId of [1, 2]) leaving.ask(askFor(requestId))
    staying.ask(askFor(1))
    await Promise.all([leaving.settle(), staying.settle()])
    leaving.close()
    await eventually('gone', () => server.snapshot().connectionCount === 1)
    source.deliver(blocks(0, 4))
    complete()
    expect(isSame(await staying.take(askFor(1)), song.chunkBytes(1))).toBe(true)
    await eventually('stored', () => store.hasChunk(songId, 1))
    await eventually('idle', () => server.snapshot().inServiceCount === 0)
    expect(server.snapshot()).toMatchObject({ waitingCount: 0 })
  })

  it('relay: a run past the end of a chunk that is arriving: closes the connection', async () => {
    const { listen, fetch } = await newStage()
    const peer = await listen()
    fetch()
    peer.ask(askFor(1, { firstBlock: 2, blockCount: 3 }))
    await peer.closed()
  })
})
