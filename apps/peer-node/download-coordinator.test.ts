// The hands of the Scheduler, each command and each outcome: with a scheduler that a test writes, and sources in its hands.
// Not the real Scheduler and not real sockets: peer-node.test.ts has those.
// Invariant: what a test expects is the list of events, in order, and the ledger's figures.

import { EvaError } from '@evastream/core/errors'
import { parsePeerId, type SongId } from '@evastream/core/ids'
import { KIB } from '@evastream/core/units'
import type { RequestBlocks, SchedulerCommand } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { ScriptedSource } from '@evastream/testkit/scripted-source'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DeadlineTimer } from './download/wake-timer.ts'
import { DownloadCoordinator } from './download-coordinator.ts'
import { TransferLedger } from './playback/transfer-ledger.ts'
import type { BlockRequest, ListedPeer } from './ports.ts'

const BLOCK = 16 * KIB
const PEER = parsePeerId('peer-1')
const FORBIDDEN_HOST = '203.0.113.9'

/** A scheduler that notes every event and answers as the test says. */
class WrittenScheduler {
  readonly events: SchedulerEvent[] = []
  /** Thrown by `handle` at an event of that kind. */
  bug: { readonly kind: SchedulerEvent['kind']; readonly thrown: Error } | undefined
  readonly #answers: [(event: SchedulerEvent) => boolean, readonly SchedulerCommand[]][] = []
  wakeAt: number | undefined
  #isHandling = false

  on(kind: SchedulerEvent['kind'], ...commands: readonly SchedulerCommand[]): void {
    this.#answers.push([event => event.kind === kind, commands])
  }

  handle(event: SchedulerEvent): readonly SchedulerCommand[] {
    expect(this.#isHandling).toBe(false)
    this.#isHandling = true
    this.events.push(event)
    if (this.bug?.kind === event.kind) throw this.bug.thrown
    const answer = this.#answers.findIndex(([fits]) => fits(event))
    this.#isHandling = false
    return answer === -1 ? [] : (this.#answers.splice(answer, 1)[0]?.[1] ?? [])
  }

  nextWakeAt(): number | undefined {
    return this.wakeAt
  }

  kinds(): string[] {
    return this.events.map(event => event.kind)
  }
}

class Stage {
  readonly song: SongFixture
  readonly clock = fakeClock(0)
  readonly scheduler = new WrittenScheduler()
  readonly origin = new ScriptedSource<BlockRequest>()
  readonly peer = new ScriptedSource<BlockRequest>()
  readonly store = new MemoryChunkStore()
  readonly log = new RecordedLog()
  readonly registry = new Registry()
  readonly ledger = new TransferLedger({ registry: this.registry })
  readonly introduced: ListedPeer[] = []
  readonly bans: unknown[] = []
  readonly stored: unknown[] = []
  readonly arrivals: SongId[] = []
  readonly verified: unknown[] = []
  /** What the tracker answers; a promise in the test's hands. */
  answerSearch: (signal: AbortSignal) => Promise<readonly ListedPeer[]> = async () => []
  saveFault: EvaError | undefined
  /** While set, a chunk is not on disk before it resolves. */
  saving: Promise<void> | undefined
  readonly coordinator: DownloadCoordinator

  constructor(song: SongFixture = songFixture({ fileSize: 128 * KIB, chunkSize: 64 * KIB })) {
    this.song = song
    const save = async (songId: SongId, chunkId: number, bytes: Uint8Array) => {
      if (this.saveFault !== undefined) throw this.saveFault
      await this.saving
      await this.store.saveChunk(songId, chunkId, bytes)
    }
    this.coordinator = new DownloadCoordinator({
      scheduler: this.scheduler,
      clock: this.clock,
      origin: this.origin,
      network: {
        sourceOf: peerId => (peerId === PEER ? this.peer : undefined),
        introduce: peer => peer.host !== FORBIDDEN_HOST && this.introduced.push(peer) > 0,
        ban: (peerId, durationMs) => void this.bans.push([peerId, durationMs]),
      },
      tracker: {
        getPeers: (_songId, signal) => this.answerSearch(signal),
        requestOriginLeases: async () => ({ granted: [], waiting: [] }),
        returnOriginLeases: async () => undefined,
        reportPeer: async () => undefined,
      },
      store: { saveChunk: save, saveVerified: save },
      ledger: this.ledger,
      log: this.log,
      makeTimer: wake => new DeadlineTimer({ clock: this.clock, timers: this.clock, wake }),
      chunkStored: stored => void this.stored.push(stored),
      chunkVerified: verified => void this.verified.push(verified),
      chunkArriving: () => undefined,
      arrivalEnded: () => undefined,
      audioArrived: songId => void this.arrivals.push(songId),
    })
  }

  async open(blockHashes: Uint8Array | 'none' = this.song.blockHashes): Promise<void> {
    await this.store.openSong(this.song.manifest)
    const song = {
      songId: this.song.manifest.id,
      shape: this.song.manifest,
      blockHashes: blockHashes === 'none' ? undefined : blockHashes,
      byteRateBytesPerSecond: 40_000,
      heldChunkIds: [],
    }
    this.coordinator.addSong({ ...song, interest: 'seed' })
  }

  request(requestId: number, wish: Partial<RequestBlocks> = {}): RequestBlocks {
    const run = { songId: this.song.manifest.id, chunkId: 0, firstBlock: 0, blockCount: 4, priority: 'play', verify: 'blocks' } as const
    return { kind: 'request-blocks', requestId, ...run, source: { kind: 'peer', peerId: PEER }, ...wish }
  }

  get completeFirst(): SchedulerCommand {
    return { kind: 'complete-chunk', songId: this.song.manifest.id, chunkId: 0 }
  }

  /** Until the promises that are settled now have been told to everybody. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }
}

describe('download coordinator', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('a run of blocks: arrives, is verified block by block, finished and stored: in that order, with the right figures', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1))
    stage.scheduler.on('request-finished', stage.completeFirst)
    await stage.open()
    const fetch = stage.peer.fetch(0)
    expect(fetch.request).toMatchObject({ chunkId: 0, firstBlock: 0, blockCount: 4, priority: 'play' })
    fetch.deliver(stage.song.chunkBytes(0).subarray(0, BLOCK + 10))
    fetch.deliver(stage.song.chunkBytes(0).subarray(BLOCK + 10, 3 * BLOCK))
    fetch.deliver(stage.song.chunkBytes(0).subarray(3 * BLOCK))
    fetch.succeed()
    await stage.settle()
    expect(stage.scheduler.events.slice(1).map(({ at: _at, ...event }) => event)).toEqual([
      { kind: 'bytes-arrived', requestId: 1, sizeBytes: BLOCK + 10 },
      { kind: 'blocks-verified', requestId: 1, firstBlock: 0, blockCount: 1 },
      { kind: 'bytes-arrived', requestId: 1, sizeBytes: 2 * BLOCK - 10 },
      { kind: 'blocks-verified', requestId: 1, firstBlock: 1, blockCount: 2 },
      { kind: 'request-finished', requestId: 1 },
      { kind: 'chunk-stored', songId: 'song-1', chunkId: 0 },
    ])
    expect(Buffer.compare(await stage.store.loadChunk(stage.song.manifest.id, 0), stage.song.chunkBytes(0))).toBe(0)
    expect(stage.stored).toEqual([{ songId: 'song-1', chunkId: 0, split: { originBytes: 0, peerBytes: 64 * KIB } }])
    expect(stage.verified).toMatchObject([{ chunkId: 0, peerIds: [PEER] }])
    expect(stage.ledger.totals()).toEqual({ originBytes: 0, peerBytes: 64 * KIB, sentBytes: 0, wastedBytes: 0, overrides: 0 })
  })

  it.each([
    ['peer', { kind: 'peer', peerId: PEER }, 'EVA_BLOCK_HASH_MISMATCH'],
    ['origin', { kind: 'origin' }, 'EVA_ORIGIN_HASH_MISMATCH'],
  ] as const)(
    'a bad block from the %s: the request is aborted and fails with that blame, and only what verified is kept',
    async (_name, source, code) => {
      const stage = new Stage()
      stage.scheduler.on('song-added', stage.request(7, { source }))
      await stage.open()
      const fetch = (source.kind === 'peer' ? stage.peer : stage.origin).fetch(0)
      const bytes = stage.song.chunkBytes(0).slice()
      bytes[BLOCK] = (bytes[BLOCK] as number) ^ 1
      fetch.deliver(bytes.subarray(0, 2 * BLOCK))
      expect(fetch.signal.aborted).toBe(true)
      fetch.deliver(bytes.subarray(2 * BLOCK))
      await stage.settle()
      expect(stage.scheduler.kinds()).toEqual(['song-added', 'bytes-arrived', 'blocks-verified', 'request-failed'])
      expect(stage.scheduler.events.at(-1)).toMatchObject({ kind: 'request-failed', requestId: 7, code })
      expect(stage.ledger.totals().wastedBytes).toBe(BLOCK)
    },
  )

  it('a run that ended badly: its successor writes where it wrote, and only what was missing', async () => {
    const stage = new Stage()
    const successor = stage.request(2, { firstBlock: 1, blockCount: 3, source: { kind: 'origin' } })
    stage.scheduler.on('song-added', stage.request(1))
    await stage.open()
    const failed = stage.peer.fetch(0)
    failed.deliver(stage.song.chunkBytes(0).subarray(0, BLOCK))
    failed.fail(new EvaError('EVA_PEER_CLOSED'))
    await stage.settle()
    stage.scheduler.on('interest-changed', successor)
    stage.coordinator.setInterest(stage.song.manifest.id, 'seed')
    expect(stage.origin.fetch(0).request.target.buffer).toBe(failed.request.target.buffer)
  })

  it('an outcome that comes at once: waits until all commands of its cause were carried out', async () => {
    const stage = new Stage()
    const toNobody = stage.request(1, { source: { kind: 'peer', peerId: parsePeerId('nobody') } })
    stage.scheduler.on('song-added', toNobody, stage.request(2))
    stage.scheduler.on('request-failed', { kind: 'cancel-request', requestId: 2, reason: 'unwanted' })
    await stage.open()
    expect(stage.peer.fetch(0).signal.aborted).toBe(true)
  })

  it('audio that arrives: can be read block by block before its chunk is whole, never beyond what verified', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1))
    await stage.open()
    const songId = stage.song.manifest.id
    const readable = (offsetBytes: number) => stage.coordinator.verifiedBytes(songId, offsetBytes, 1000 * KIB)
    const fetch = stage.peer.fetch(0)
    fetch.deliver(stage.song.chunkBytes(0).subarray(0, BLOCK + 100))
    expect(stage.arrivals).toEqual([songId])
    expect(Buffer.compare(readable(0), stage.song.bytes.subarray(0, BLOCK))).toBe(0)
    expect(Buffer.compare(readable(100), stage.song.bytes.subarray(100, BLOCK))).toBe(0)
    expect([readable(BLOCK).length, readable(64 * KIB).length, readable(BLOCK - 5).length]).toEqual([0, 0, 5])
    fetch.deliver(stage.song.chunkBytes(0).subarray(BLOCK + 100))
    expect(Buffer.compare(readable(BLOCK - 1), stage.song.bytes.subarray(BLOCK - 1, 64 * KIB))).toBe(0)
  })

  it('audio without block hashes: can be read once its chunk verified, also when the disk does not take it', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1, { verify: 'chunk' }))
    stage.scheduler.on('request-finished', stage.completeFirst)
    stage.saveFault = new EvaError('EVA_STORAGE_FULL')
    await stage.open('none')
    const readable = () => stage.coordinator.verifiedBytes(stage.song.manifest.id, 5, 1000 * KIB)
    stage.peer.fetch(0).deliver(stage.song.chunkBytes(0))
    expect(readable().length).toBe(0)
    stage.peer.fetch(0).succeed()
    await stage.settle()
    expect(Buffer.compare(readable(), stage.song.bytes.subarray(5, 64 * KIB))).toBe(0)
  })

  it('a source that says it is done without having told of its bytes: they are checked all the same', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1))
    await stage.open()
    stage.peer.fetch(0).request.target.set(stage.song.chunkBytes(1))
    stage.peer.fetch(0).succeed()
    await stage.settle()
    expect(stage.scheduler.events.at(-1)).toMatchObject({ kind: 'request-failed', code: 'EVA_BLOCK_HASH_MISMATCH' })
  })

  it('a failure: tells its code and the pause that was asked for, and what was cut short is waste', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(3, { source: { kind: 'origin' } }))
    await stage.open()
    const fetch = stage.origin.fetch(0)
    fetch.deliver(stage.song.chunkBytes(0).subarray(0, BLOCK + 100))
    fetch.fail(new EvaError('EVA_ORIGIN_OVERLOADED', { details: { retryAfterMs: 3000 } }))
    await stage.settle()
    expect(stage.scheduler.events.at(-1)).toEqual({
      kind: 'request-failed',
      at: 0,
      requestId: 3,
      code: 'EVA_ORIGIN_OVERLOADED',
      retryAfterMs: 3000,
    })
    expect(stage.ledger.totals().wastedBytes).toBe(100)
  })

  it('something thrown that is no EvaError: is a failure like any other', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(3))
    await stage.open()
    stage.peer.fetch(0).fail(new TypeError('a bug') as unknown as EvaError)
    await stage.settle()
    expect(stage.scheduler.events.at(-1)).toMatchObject({ kind: 'request-failed', code: 'EVA_INTERNAL' })
  })

  it.each(['request-finished', 'request-failed'] as const)(
    'the engine breaks down over a word of a source (%s): one error line, no event after it, and the process hears of it, not the source',
    async kind => {
      const stage = new Stage()
      const thrown = new EvaError('EVA_INTERNAL', { details: { reason: 'a broken invariant' } })
      stage.scheduler.bug = { kind, thrown }
      stage.scheduler.on('song-added', stage.request(1))
      await stage.open()
      const microtasks = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined)
      const fetch = stage.peer.fetch(0)
      if (kind === 'request-failed') fetch.fail(new EvaError('EVA_PEER_CLOSED'))
      else expect(() => fetch.deliver(stage.song.chunkBytes(0))).not.toThrow()
      fetch.succeed()
      await stage.settle()
      expect(stage.scheduler.kinds().at(-1)).toBe(kind)
      expect(stage.log.lines).toMatchObject([{ level: 'error', fields: { code: 'EVA_INTERNAL', err: thrown } }])
      expect(microtasks).toHaveBeenCalledOnce()
      expect(microtasks.mock.calls[0]?.[0]).toThrow(thrown)
      stage.coordinator.setInterest(stage.song.manifest.id, 'seed')
      expect(stage.scheduler.kinds().at(-1)).toBe(kind)
      await stage.coordinator.stop()
    },
  )

  it('the origin fails, times out, lies, and serves again: the log says so, and nothing of what peers do', async () => {
    const stage = new Stage()
    const origin = { kind: 'origin' } as const
    const ask = (requestId: number, wish: Partial<RequestBlocks>) => {
      stage.scheduler.on('interest-changed', stage.request(requestId, wish))
      stage.coordinator.setInterest(stage.song.manifest.id, 'seed')
    }
    await stage.open('none')
    ask(1, {})
    stage.peer.fetch(0).fail(new EvaError('EVA_PEER_CLOSED'))
    ask(2, { source: origin, verify: 'chunk' })
    stage.origin.fetch(0).fail(new EvaError('EVA_ORIGIN_UNREACHABLE', { details: { reason: 'ECONNREFUSED' } }))
    await stage.settle()
    ask(3, { source: origin, verify: 'chunk' })
    stage.scheduler.on('interest-changed', { kind: 'cancel-request', requestId: 3, reason: 'timed-out' })
    stage.coordinator.setInterest(stage.song.manifest.id, 'seed')
    const rounds = [stage.song.chunkBytes(1), stage.song.chunkBytes(0)]
    for (const [round, bytes] of rounds.entries()) {
      ask(4 + round, { source: origin, verify: 'chunk' })
      stage.scheduler.on('request-finished', stage.completeFirst)
      stage.origin.fetch(2 + round).deliver(bytes)
      stage.origin.fetch(2 + round).succeed()
      await stage.settle()
    }
    expect(stage.scheduler.kinds().at(-1)).toBe('chunk-stored')
    expect(stage.log.lines.map(({ level, fields, message }) => (level === 'warn' && 'code' in fields ? fields.code : message))).toEqual([
      'EVA_ORIGIN_UNREACHABLE',
      'EVA_ORIGIN_TIMEOUT',
      'the origin answers again',
      'EVA_ORIGIN_HASH_MISMATCH',
      'the chunks that the origin lacked or sent wrong are here now',
    ])
  })

  it('a peer that is not known: the request fails at once, after the event that caused it', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1, { source: { kind: 'peer', peerId: parsePeerId('nobody') } }))
    await stage.open()
    expect(stage.scheduler.events.at(-1)).toMatchObject({ kind: 'request-failed', requestId: 1, code: 'EVA_PEER_UNREACHABLE' })
  })

  it('a cancelled request: is aborted, tells nothing any more, and its blocks stay with the chunk', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1))
    stage.scheduler.on('blocks-verified', { kind: 'cancel-request', requestId: 1, reason: 'timed-out' })
    await stage.open()
    const fetch = stage.peer.fetch(0)
    fetch.deliver(stage.song.chunkBytes(0).subarray(0, 3 * BLOCK))
    expect(fetch.signal.aborted).toBe(true)
    await stage.settle()
    expect(stage.scheduler.kinds()).toEqual(['song-added', 'bytes-arrived', 'blocks-verified'])
    expect(stage.ledger.totals().wastedBytes).toBe(0)
  })

  it('a hedge and the one it hedges: both arrive: the chunk is right, and the second copy is counted as waste', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1))
    stage.scheduler.on('blocks-verified', stage.request(2, { source: { kind: 'origin' }, firstBlock: 1, blockCount: 3 }))
    await stage.open()
    const [slow, bytes] = [stage.peer.fetch(0), stage.song.chunkBytes(0)]
    slow.deliver(bytes.subarray(0, BLOCK))
    const hedge = stage.origin.fetch(0)
    slow.deliver(bytes.subarray(BLOCK, 2 * BLOCK))
    hedge.deliver(bytes.subarray(BLOCK))
    stage.scheduler.on('request-finished', { kind: 'cancel-request', requestId: 1, reason: 'superseded' }, stage.completeFirst)
    hedge.succeed()
    await stage.settle()
    expect(slow.signal.aborted).toBe(true)
    expect(stage.stored).toMatchObject([{ split: { peerBytes: 2 * BLOCK, originBytes: 2 * BLOCK } }])
    expect(stage.ledger.totals()).toMatchObject({ peerBytes: 2 * BLOCK, originBytes: 2 * BLOCK, wastedBytes: BLOCK })
  })

  it('the connection to a peer is lost: one peer-lost speaks for its requests, and a late word of theirs is not heard', async () => {
    const stage = new Stage()
    const other = stage.request(2, { chunkId: 1, source: { kind: 'origin' } })
    stage.scheduler.on('song-added', stage.request(1), other)
    await stage.open()
    stage.coordinator.peers.peerLost(PEER, 'EVA_PEER_CLOSED')
    stage.peer.fetch(0).deliver(stage.song.chunkBytes(0))
    await stage.settle()
    expect(stage.scheduler.kinds()).toEqual(['song-added', 'peer-lost'])
    expect(stage.origin.fetch(0).signal.aborted).toBe(false)
  })

  it('the disk fails a chunk: it is unstored and stays; asked again, it is stored without a byte being fetched', async () => {
    const stage = new Stage()
    stage.saveFault = new EvaError('EVA_STORAGE_FULL')
    stage.scheduler.on('song-added', stage.request(1))
    stage.scheduler.on('request-finished', stage.completeFirst)
    await stage.open()
    stage.peer.fetch(0).deliver(stage.song.chunkBytes(0))
    stage.peer.fetch(0).succeed()
    await stage.settle()
    expect(stage.scheduler.events.at(-1)).toMatchObject({ kind: 'chunk-unstored', chunkId: 0, code: 'EVA_STORAGE_FULL' })
    stage.saveFault = undefined
    stage.scheduler.on('interest-changed', stage.completeFirst)
    stage.coordinator.setInterest(stage.song.manifest.id, 'seed')
    await stage.settle()
    expect(stage.scheduler.events.at(-1)).toMatchObject({ kind: 'chunk-stored', chunkId: 0 })
    expect(stage.ledger.totals()).toMatchObject({ peerBytes: 64 * KIB, wastedBytes: 0 })
  })

  it('an unstored chunk that is discarded: was received and could be played, so it is counted once and is no waste', async () => {
    const stage = new Stage()
    stage.saveFault = new EvaError('EVA_STORAGE_FULL')
    stage.scheduler.on('song-added', stage.request(1))
    stage.scheduler.on('request-finished', stage.completeFirst)
    stage.scheduler.on('chunk-unstored', { kind: 'discard-chunk', songId: stage.song.manifest.id, chunkId: 0 })
    await stage.open()
    stage.peer.fetch(0).deliver(stage.song.chunkBytes(0))
    stage.peer.fetch(0).succeed()
    await stage.settle()
    expect(stage.ledger.totals()).toMatchObject({ peerBytes: 64 * KIB, wastedBytes: 0 })
  })

  it('blocks that verify and a chunk that does not: it is rejected and thrown away; asked for as a whole, a fresh one is judged alone', async () => {
    const honest = songFixture({ fileSize: 64 * KIB, chunkSize: 64 * KIB, seed: 1 })
    const other = songFixture({ fileSize: 64 * KIB, chunkSize: 64 * KIB, seed: 2 })
    const stage = new Stage(honest)
    stage.scheduler.on('song-added', stage.request(1))
    stage.scheduler.on('request-finished', stage.completeFirst)
    stage.scheduler.on('chunk-rejected', stage.request(2, { verify: 'chunk' }))
    await stage.open(other.blockHashes)
    stage.peer.fetch(0).deliver(other.bytes)
    stage.peer.fetch(0).succeed()
    await stage.settle()
    expect(stage.scheduler.events.at(-1)).toMatchObject({ kind: 'chunk-rejected', chunkId: 0 })
    expect(stage.coordinator.verifiedBytes(stage.song.manifest.id, 0, 10).length).toBe(0)
    expect(stage.ledger.totals().wastedBytes).toBe(64 * KIB)
    stage.scheduler.on('request-finished', stage.completeFirst)
    stage.peer.fetch(1).deliver(honest.bytes)
    stage.peer.fetch(1).succeed()
    await stage.settle()
    expect(stage.scheduler.kinds().slice(-2)).toEqual(['request-finished', 'chunk-stored'])
  })

  it('a song without block hashes: no block is told of, and the whole chunk decides', async () => {
    const stage = new Stage()
    stage.scheduler.on('song-added', stage.request(1, { verify: 'chunk' }))
    stage.scheduler.on('request-finished', stage.completeFirst)
    await stage.open('none')
    stage.peer.fetch(0).deliver(stage.song.chunkBytes(1))
    stage.peer.fetch(0).succeed()
    await stage.settle()
    expect(stage.scheduler.kinds()).toEqual(['song-added', 'request-finished', 'chunk-rejected'])
    expect(stage.scheduler.events[0]).toMatchObject({ hasBlockHashes: false })
  })

  it('find-peers: who was found is introduced, listed if the network took it, and then the search is told to have ended', async () => {
    const stage = new Stage()
    const found: ListedPeer = { peerId: PEER, host: '127.0.0.1', port: 9001, chunks: [0, 1] }
    stage.answerSearch = async () => [{ ...found, peerId: parsePeerId('peer-2'), host: FORBIDDEN_HOST }, found]
    stage.scheduler.on('song-added', { kind: 'find-peers', songId: stage.song.manifest.id })
    await stage.open()
    await stage.settle()
    expect(stage.introduced).toEqual([found])
    expect(stage.scheduler.events.slice(1)).toEqual([
      { kind: 'peer-listed', at: 0, songId: 'song-1', peerId: PEER, chunkIds: [0, 1], told: 'tracker' },
      { kind: 'peers-found', at: 0, songId: 'song-1' },
    ])
  })

  it('find-peers while one is under way: is asked once; a tracker that fails is told as such', async () => {
    const stage = new Stage()
    let asked = 0
    stage.answerSearch = async () => {
      asked++
      throw new EvaError('EVA_SERVICE_UNREACHABLE')
    }
    const search: SchedulerCommand = { kind: 'find-peers', songId: stage.song.manifest.id }
    stage.scheduler.on('song-added', search, search)
    await stage.open()
    await stage.settle()
    expect(asked).toBe(1)
    expect(stage.scheduler.events.slice(1)).toMatchObject([{ kind: 'peers-unfound', code: 'EVA_SERVICE_UNREACHABLE' }])
  })

  it('asked of the origin without a lease: is counted', async () => {
    const stage = new Stage()
    const origin = { source: { kind: 'origin' } } as const
    stage.scheduler.on(
      'song-added',
      stage.request(1, { ...origin, permit: 'leased' }),
      stage.request(2, { ...origin, permit: 'override', chunkId: 1 }),
    )
    await stage.open()
    expect(stage.ledger.totals().overrides).toBe(1)
  })

  it('what the network tells: becomes an event each, with its time', async () => {
    const stage = new Stage()
    await stage.open()
    stage.clock.advance(5)
    const { peers } = stage.coordinator
    for (const tell of ['peerHas', 'peerLacks'] as const) peers[tell](PEER, stage.song.manifest.id, [1])
    peers.peerArriving(PEER, stage.song.manifest.id, [{ chunkId: 1, blocks: [0, 2] }])
    peers.peerListed(PEER, stage.song.manifest.id, [1])
    expect(stage.scheduler.events.slice(1)).toEqual([
      { kind: 'peer-has', at: 5, songId: 'song-1', peerId: PEER, chunkIds: [1] },
      { kind: 'peer-lacks', at: 5, songId: 'song-1', peerId: PEER, chunkIds: [1] },
      { kind: 'peer-arriving', at: 5, songId: 'song-1', peerId: PEER, chunks: [{ chunkId: 1, blocks: [0, 2] }] },
      { kind: 'peer-listed', at: 5, songId: 'song-1', peerId: PEER, chunkIds: [1], told: 'peer' },
    ])
    stage.coordinator.chunkLost(stage.song.manifest.id, 1)
    expect(stage.scheduler.events.at(-1)).toEqual({ kind: 'chunk-lost', at: 5, songId: 'song-1', chunkId: 1 })
  })

  it('bans and troubles: reach the network and the log', async () => {
    const stage = new Stage()
    const songId = stage.song.manifest.id
    stage.scheduler.on(
      'song-added',
      { kind: 'ban-peer', peerId: PEER, code: 'EVA_BLOCK_HASH_MISMATCH', durationMs: 600_000 },
      { kind: 'report-trouble', code: 'EVA_MANIFEST_INCONSISTENT', songId, chunkId: 4 },
    )
    await stage.open()
    expect(stage.bans).toEqual([[PEER, 600_000]])
    expect(stage.log.messages('warn')[1]).toBe(
      'Every block of chunk 4 verifies and the chunk does not: the manifest of "song-1" contradicts itself.',
    )
  })

  it('the deadline that the scheduler names: wakes it once, and only the last one counts', async () => {
    const stage = new Stage()
    stage.scheduler.wakeAt = 100
    await stage.open()
    stage.clock.advance(50)
    stage.scheduler.wakeAt = 200
    stage.coordinator.setInterest(stage.song.manifest.id, 'idle')
    stage.clock.advance(149)
    expect(stage.scheduler.kinds()).toEqual(['song-added', 'interest-changed'])
    stage.scheduler.wakeAt = undefined
    stage.clock.advance(1)
    expect(stage.scheduler.events.at(-1)).toEqual({ kind: 'woke', at: 200 })
    expect(stage.clock.pendingCount).toBe(0)
  })

  it('a deadline that stays where it is: wakes the scheduler again', async () => {
    const stage = new Stage()
    const wokeCount = () => stage.scheduler.kinds().filter(kind => kind === 'woke').length
    Object.assign(stage.scheduler, { nextWakeAt: () => (wokeCount() < 3 ? 100 : undefined) })
    await stage.open()
    stage.clock.advance(100)
    expect(wokeCount()).toBe(3)
  })

  it('stopped while a chunk is being stored: the stop waits for the disk', async () => {
    const stage = new Stage()
    let saved: () => void = () => undefined
    stage.saving = new Promise(resolve => {
      saved = resolve
    })
    stage.scheduler.on('song-added', stage.request(1))
    stage.scheduler.on('request-finished', stage.completeFirst)
    await stage.open()
    stage.peer.fetch(0).deliver(stage.song.chunkBytes(0))
    stage.peer.fetch(0).succeed()
    await stage.settle()
    let isStopped = false
    const stopping = stage.coordinator.stop().then(() => {
      isStopped = true
    })
    await stage.settle()
    expect(isStopped).toBe(false)
    saved()
    await stopping
    expect(stage.store.hasChunk(stage.song.manifest.id, 0)).toBe(true)
  })

  it('stopped: requests and searches are aborted, nothing is fed any more, no timer stays', async () => {
    const stage = new Stage()
    let searchSignal: AbortSignal | undefined
    stage.answerSearch = signal => {
      searchSignal = signal
      return new Promise(() => undefined)
    }
    stage.scheduler.wakeAt = 100
    stage.scheduler.on('song-added', stage.request(1), { kind: 'find-peers', songId: stage.song.manifest.id })
    await stage.open()
    stage.peer.fetch(0).deliver(stage.song.chunkBytes(0).subarray(0, 2 * BLOCK))
    const before = stage.scheduler.events.length
    await stage.coordinator.stop()
    stage.coordinator.setInterest(stage.song.manifest.id, 'seed')
    expect([stage.peer.fetch(0).signal.aborted, searchSignal?.aborted]).toEqual([true, true])
    expect(stage.scheduler.events).toHaveLength(before)
    expect(stage.clock.pendingCount).toBe(0)
    expect(stage.ledger.totals()).toMatchObject({ peerBytes: 0, wastedBytes: 2 * BLOCK })
  })
})
