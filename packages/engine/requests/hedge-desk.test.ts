import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { SongState } from '../songs/song-state.ts'
import type { OpenRequest } from './request-table.ts'

const anna = fromPeer('anna')
const boris = fromPeer('boris')
const LISTENED = { byteRateBytesPerSecond: 40_000, interest: 'idle' as const }

type Config = ConstructorParameters<typeof EngineParts>[0]

/** A song that is listened to from its start, and two peers that hold all of it. */
function listening(config: Config = {}, changes: Parameters<EngineParts['addSong']>[0] = {}): { parts: EngineParts; song: SongState } {
  const parts = new EngineParts(config)
  const song = parts.addSong({ ...LISTENED, ...changes })
  song.readerMoved('reader', 0, 0)
  parts.addPeer('anna', song)
  parts.addPeer('boris', song)
  return { parts, song }
}

/** Anna is asked for the first blocks, which are due after a second. */
function late(options: { config?: Config; blockCount?: number } = {}): { parts: EngineParts; first: OpenRequest } {
  const { parts, song } = listening(options.config)
  return { parts, first: parts.ask(song, anna, { blockCount: options.blockCount ?? 2, deadlineAt: 1000 }) }
}

/** The peer is known to deliver at this rate (bytes per second), measured now. */
function measure(parts: EngineParts, source: typeof anna, rate: number): void {
  const pace = parts.state.paceOf(source)
  const { now } = parts.state
  pace.asked(100_000, now - 100_000_000 / rate)
  pace.arrived(100_000, now)
  pace.ended(0, now)
}

function checkAt(parts: EngineParts, now: number) {
  parts.state.now = now
  parts.commands()
  parts.watch.check()
  return parts.commands()
}

const hedgesOf = (parts: EngineParts) => [...parts.state.requests.all()].filter(({ hedgeOf }) => hedgeOf !== undefined)

describe('hedge desk: a second source for what is about to be heard', () => {
  test('late and the deadline near: a second source is asked for what is missing', () => {
    const { parts, first } = late()
    const [command] = checkAt(parts, 950)
    expect(command).toMatchObject({ kind: 'request-blocks', source: fromPeer('boris'), firstBlock: 0, blockCount: 2, priority: 'play' })
    expect(hedgesOf(parts)[0]?.hedgeOf).toBe(first)
  })

  test('late and time enough: nobody yet, and it is thought of again', () => {
    const { parts, first } = late()
    const dueAt = first.hedgeAt
    expect(checkAt(parts, dueAt)).toEqual([])
    expect(first.hedgeAt).toBeGreaterThan(dueAt)
    expect(first.hedgeAt).toBeLessThanOrEqual(dueAt + 1000)
  })

  test('some of it came: only the rest is asked for', () => {
    const { parts, first } = late()
    parts.state.now = 60
    parts.desk.arrived(first, BLOCK_SIZE_BYTES)
    parts.desk.blocksArrived(first, { firstBlock: 0, blockCount: 1 })
    expect(checkAt(parts, 1350)[0]).toMatchObject({ firstBlock: 1, blockCount: 1 })
  })

  test('it comes along well, and would be done before a second: nobody', () => {
    const { parts, first } = late({ blockCount: 8 })
    parts.state.now = 940
    parts.desk.arrived(first, 8 * BLOCK_SIZE_BYTES - 100)
    expect(checkAt(parts, 950)).toEqual([])
  })

  test('it belongs to a chunk further on: late once the music is near', () => {
    const { parts, song } = listening()
    song.readerMoved('reader', 3 * 16 * BLOCK_SIZE_BYTES, 0)
    // Chunk 4 is due at 7,554 ms.
    parts.state.now = 6800
    parts.ask(song, anna, { chunkId: 4, blockCount: 2 })
    // Twice the time of a second source and half a second before that, it is at risk.
    expect(checkAt(parts, 6880)).toEqual([])
    expect(checkAt(parts, 7000)[0]).toMatchObject({ kind: 'request-blocks', source: boris, chunkId: 4 })
  })

  test('it is far from being heard: nobody', () => {
    const { parts, song } = listening()
    parts.ask(song, anna, { chunkId: 7, blockCount: 2 })
    expect(checkAt(parts, 1900)).toEqual([])
  })

  test('a second is asked already: not a third', () => {
    const { parts } = late()
    expect(checkAt(parts, 950)).toHaveLength(1)
    expect(checkAt(parts, 990)).toEqual([])
    expect(hedgesOf(parts)).toHaveLength(1)
  })

  test('no peer could bring it in time: the origin is the second', () => {
    const { parts } = late()
    const { health } = parts.state
    const borisId = peerNamed('boris')
    while (health.recordOf(borisId).failures < 2) health.failed(borisId, health.recordOf(borisId).pausedUntil)
    expect(checkAt(parts, 950)[0]).toMatchObject({ kind: 'request-blocks', source: { kind: 'origin' } })
  })

  test('no peer could, and as much as may be is on its way from the origin: it is asked all the same, as long as it has places', () => {
    const { parts, song } = listening({ originRequestsMax: 4 })
    parts.state.peers.remove(peerNamed('boris'))
    for (const chunkId of [5, 6, 7]) parts.ask(song, fromOrigin, { chunkId })
    expect(parts.survey.isOriginFree(false)).toBe(false)
    parts.ask(song, anna, { blockCount: 2, deadlineAt: 1000 })
    const asked = checkAt(parts, 950).find(({ kind }) => kind === 'request-blocks')
    expect(asked).toMatchObject({ source: { kind: 'origin' }, chunkId: 0, firstBlock: 0, blockCount: 2 })
  })

  test('the same, and all places of the origin are taken: nobody', () => {
    const { parts, song } = listening({ originRequestsMax: 3 })
    parts.state.peers.remove(peerNamed('boris'))
    for (const chunkId of [5, 6, 7]) parts.ask(song, fromOrigin, { chunkId })
    parts.ask(song, anna, { blockCount: 2, deadlineAt: 1000 })
    expect(checkAt(parts, 950).filter(({ kind }) => kind === 'request-blocks')).toEqual([])
  })

  test('judged as a whole and more than may be asked for twice: nobody', () => {
    const { parts, song } = listening({}, { hasBlockHashes: false })
    parts.ask(song, anna, { deadlineAt: 1000 })
    expect(checkAt(parts, 950)).toEqual([])
  })

  test('judged as a whole and no more than may be asked for twice: the whole chunk of a second source', () => {
    const { parts, song } = listening({ hedgeAllowanceBytes: 16 * BLOCK_SIZE_BYTES }, { hasBlockHashes: false })
    parts.ask(song, anna, { deadlineAt: 1000 })
    expect(checkAt(parts, 950)[0]).toMatchObject({ kind: 'request-blocks', source: boris, firstBlock: 0, blockCount: 16, verify: 'chunk' })
  })

  test('no place left for another request: what is missing moves to the second source, and the first is given up', () => {
    const { parts } = late({ config: { downloadsInFlightMax: 1 } })
    expect(checkAt(parts, 950)).toMatchObject([
      { kind: 'cancel-request', requestId: 1, reason: 'superseded' },
      { kind: 'request-blocks', requestId: 2, source: boris },
    ])
  })

  test('no place left, and judged as a whole: nobody', () => {
    const config = { downloadsInFlightMax: 1, hedgeAllowanceBytes: 16 * BLOCK_SIZE_BYTES }
    const { parts, song } = listening(config, { hasBlockHashes: false })
    parts.ask(song, anna, { deadlineAt: 1000 })
    expect(checkAt(parts, 950)).toEqual([])
  })

  test('the second falls silent as well: the first is given up, so that a third can be asked', () => {
    const { parts, song } = listening()
    // Both were slow before, so they are waited for longer than others.
    for (const name of ['anna', 'boris']) parts.state.health.recordOf(peerNamed(name)).timeouts = 2
    parts.ask(song, anna, { blockCount: 2, deadlineAt: 1000 })
    expect(checkAt(parts, 950)).toMatchObject([{ kind: 'request-blocks', source: boris }])
    expect(checkAt(parts, 1350)[0]).toMatchObject({ kind: 'cancel-request', requestId: 1, reason: 'superseded' })
  })

  test('of a source that often fell silent before, nothing comes: it is not waited for until the music stops', () => {
    const { parts, song } = listening()
    const record = parts.state.health.recordOf(peerNamed('anna'))
    record.timeouts = 6
    measure(parts, anna, 1_000_000)
    parts.ask(song, anna, { blockCount: 2, deadlineAt: 1000 })
    expect(checkAt(parts, 950)[0]).toMatchObject({ kind: 'request-blocks', source: boris })
  })

  test('it fell silent, and the only other holder is full of our own requests: its blocks are free for whoever comes first', () => {
    const { parts, song } = listening({ urgentGraceMs: 5000 })
    const first = parts.ask(song, anna, { blockCount: 2, deadlineAt: 1000 })
    parts.ask(song, boris, { chunkId: 1 })
    expect(checkAt(parts, 600)).toEqual([])
    expect(checkAt(parts, Math.max(1050, first.hedgeAt))).toMatchObject([{ kind: 'cancel-request', requestId: 1, reason: 'timed-out' }])
  })

  test('asked for in good time, and about to be heard by now: a second source', () => {
    const { parts, song } = listening()
    parts.ask(song, anna, { blockCount: 2 })
    expect(checkAt(parts, 950)[0]).toMatchObject({ kind: 'request-blocks', source: fromPeer('boris') })
  })
})

describe('hedge desk: a second source at the end of a song', () => {
  /** The song lacks its last chunk only, and anna, who is asked for it, keeps silent. */
  function lastChunk(heldChunkIds: number[]): EngineParts {
    const parts = new EngineParts()
    const song = parts.addSong({ heldChunkIds, shape: { fileSize: 7 * 262_144 + 100, chunkSize: 262_144, chunkCount: 8 } })
    parts.addPeer('anna', song)
    parts.addPeer('boris', song)
    parts.ask(song, anna, { chunkId: 7 })
    return parts
  }

  test('the last that is missing is late: a second peer is asked', () => {
    expect(checkAt(lastChunk([0, 1, 2, 3, 4, 5, 6]), 400)[0]).toMatchObject({
      kind: 'request-blocks',
      source: fromPeer('boris'),
      priority: 'seed',
    })
  })

  test('other chunks are still to be had: nobody waits for this one', () => {
    expect(checkAt(lastChunk([0, 1, 2, 3, 4, 5]), 400)).toEqual([])
  })

  test('another part of it is still to be asked for: nobody waits for this one', () => {
    const parts = new EngineParts()
    const song = parts.addSong({ heldChunkIds: [0, 1, 2, 3, 4, 5, 6] })
    parts.addPeer('anna', song)
    parts.addPeer('boris', song)
    parts.ask(song, anna, { chunkId: 7, blockCount: 1 })
    expect(checkAt(parts, 400)).toEqual([])
  })

  test('only the origin could help: it is not asked for that', () => {
    const parts = lastChunk([0, 1, 2, 3, 4, 5, 6])
    parts.state.peers.remove(peerNamed('boris'))
    expect(checkAt(parts, 400)).toEqual([])
  })
})

describe('hedge desk: moving what is missing', () => {
  const little = { hedgeAllowanceBytes: 2 * BLOCK_SIZE_BYTES, hedgeRatioMax: 0 }

  test('it fell silent and more is missing than may be asked for twice: all of it goes to another, and its peer is left alone for a moment', () => {
    const { parts, first } = late({ blockCount: 8, config: little })
    expect(checkAt(parts, 900)).toEqual([
      { kind: 'cancel-request', requestId: first.requestId, reason: 'superseded' },
      expect.objectContaining({ kind: 'request-blocks', source: boris, firstBlock: 0, blockCount: 8, priority: 'play' }),
    ])
    expect(hedgesOf(parts)).toEqual([])
    expect(parts.state.health.recordOf(peerNamed('anna'))).toMatchObject({ failures: 1, timeouts: 0 })
    expect(first.song.markOf(0, peerNamed('anna'))).toBeGreaterThan(900)
  })

  test('it comes along, but much too slowly: the rest goes to another, and its peer is not blamed', () => {
    const { parts, first } = late({ blockCount: 8, config: little })
    parts.state.now = 900
    measure(parts, boris, 2_000_000)
    parts.desk.arrived(first, BLOCK_SIZE_BYTES + 100)
    parts.desk.blocksArrived(first, { firstBlock: 0, blockCount: 1 })
    expect(checkAt(parts, 1300)).toEqual([
      { kind: 'cancel-request', requestId: first.requestId, reason: 'superseded' },
      expect.objectContaining({ kind: 'request-blocks', source: boris, firstBlock: 1, blockCount: 7 }),
    ])
    expect(parts.state.health.recordOf(peerNamed('anna')).failures).toBe(0)
    expect(first.chunk.isHere(0)).toBe(true)
  })

  test('another would be sooner, but not much: only what may be asked for twice is asked of it', () => {
    const { parts, song } = listening(little)
    for (const source of [anna, boris]) measure(parts, source, 1_000_000)
    parts.state.paceOf(boris).answeredAfter(1)
    const first = parts.ask(song, anna, { blockCount: 6, deadlineAt: 1000 })
    parts.state.now = 940
    parts.desk.arrived(first, 100)
    const [command, ...more] = checkAt(parts, 945)
    expect(command).toMatchObject({ kind: 'request-blocks', source: boris, firstBlock: 0, blockCount: 2 })
    expect(more).toEqual([])
    expect(hedgesOf(parts)).toHaveLength(1)
  })

  test('blocks became free: said, so that others can be asked for them', () => {
    const { parts } = late({ blockCount: 8, config: little })
    parts.state.now = 900
    expect(parts.watch.check()).toBe(true)
  })

  test('judged as a whole: never moved, for all of it would be lost', () => {
    const { parts, song } = listening(little, { hasBlockHashes: false })
    parts.ask(song, anna, { deadlineAt: 1000 })
    expect(checkAt(parts, 950)).toEqual([])
  })
})
