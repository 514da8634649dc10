// The reader against any fragmentation, any garbage, and claims of any length.
import { EvaError } from '@evastream/core/errors'
import type { PeerId, SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arrivingFrames } from './arriving-payload.ts'
import { PeerFrameReader } from './peer-frame-reader.ts'
import { encodeDataHead, encodeFrame } from './peer-frame-writer.ts'
import {
  BITFIELD_PAYLOAD_MAX_BYTES,
  BLOCKS_PER_CHUNK_MAX,
  CHUNK_ID_MAX,
  type DataHead,
  HANDLE_MAX,
  HAVE_CHUNKS_MAX,
  type PeerFrame,
  type PeerRole,
  PRIORITY_CLASSES,
  REJECT_CODES,
  REQUEST_ID_MAX,
  type RejectCode,
} from './peer-frames.ts'

const handle = fc.integer({ min: 1, max: HANDLE_MAX })
const requestId = fc.integer({ min: 1, max: REQUEST_ID_MAX })
const chunkId = fc.integer({ min: 0, max: CHUNK_ID_MAX })
const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)
const songId = id.map(text => text as SongId)
const peerId = id.map(text => text as PeerId)
const run = fc
  .integer({ min: 0, max: BLOCKS_PER_CHUNK_MAX - 1 })
  .chain(firstBlock =>
    fc.record({ firstBlock: fc.constant(firstBlock), blockCount: fc.integer({ min: 1, max: BLOCKS_PER_CHUNK_MAX - firstBlock }) }),
  )

const blocks = fc
  .uniqueArray(fc.integer({ min: 0, max: BLOCKS_PER_CHUNK_MAX - 1 }), { minLength: 1, maxLength: 40 })
  .map(numbers => numbers.sort((a, b) => a - b))
const arrivingChunks = fc.uniqueArray(fc.record({ chunkId, blocks }), { minLength: 1, maxLength: 60, selector: chunk => chunk.chunkId })

const ping = fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const), token: fc.integer({ min: 0, max: REQUEST_ID_MAX }) })
const bye = fc.constant({ kind: 'bye' as const })

const dialerFrame: fc.Arbitrary<PeerFrame> = fc.oneof(
  fc.record({ kind: fc.constant('subscribe' as const), handle, songId }),
  fc.record({ kind: fc.constant('unsubscribe' as const), handle }),
  fc
    .tuple(
      fc.record({ kind: fc.constant('request' as const), handle, requestId, chunkId, priority: fc.constantFrom(...PRIORITY_CLASSES) }),
      run,
    )
    .map(([request, blocks]) => ({ ...request, ...blocks })),
  fc.record({ kind: fc.constant('ack' as const), requestId, blocksReceived: fc.integer({ min: 1, max: BLOCKS_PER_CHUNK_MAX }) }),
  fc.record({ kind: fc.constant('cancel' as const), requestId }),
  ping,
  bye,
)

const listenerFrame: fc.Arbitrary<PeerFrame | Data> = fc.oneof(
  fc.record({
    kind: fc.constant('bitfield' as const),
    handle,
    firstChunk: fc.integer({ min: 0, max: (CHUNK_ID_MAX + 1) / 8 - BITFIELD_PAYLOAD_MAX_BYTES }).map(byte => byte * 8),
    isLast: fc.constant(true),
    bits: fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.uint8Array({ minLength: BITFIELD_PAYLOAD_MAX_BYTES, maxLength: BITFIELD_PAYLOAD_MAX_BYTES }),
    ),
  }),
  fc.record({
    kind: fc.constantFrom('have' as const, 'unhave' as const),
    handle,
    chunkIds: fc.array(chunkId, { minLength: 1, maxLength: HAVE_CHUNKS_MAX }),
  }),
  fc.tuple(handle, arrivingChunks).map(([arrivingHandle, chunks]) => arrivingFrames(arrivingHandle, chunks)[0] as PeerFrame),
  fc.record({
    kind: fc.constant('reject' as const),
    handle: fc.constant(0),
    requestId,
    code: fc.constantFrom(...(Object.keys(REJECT_CODES) as RejectCode[])),
    version: fc.integer({ min: 0, max: 0xffff }),
    retryAfterMs: fc.integer({ min: 0, max: 0xffff_ffff }),
  }),
  fc
    .record({
      handle,
      requestId,
      chunkId,
      firstBlock: fc.integer({ min: 0, max: 250 }),
      blockCount: fc.integer({ min: 1, max: 3 }),
      lastBytes: fc.integer({ min: 1, max: BLOCK_SIZE_BYTES }),
    })
    .map(({ lastBytes, ...head }) => aData({ ...head, sizeBytes: (head.blockCount - 1) * BLOCK_SIZE_BYTES + lastBytes })),
  ping,
  bye,
)

interface Data {
  readonly kind: 'data'
  readonly head: DataHead
  readonly audio: Uint8Array
}

function aData(head: DataHead): Data {
  return { kind: 'data', head, audio: Uint8Array.from({ length: head.sizeBytes }, (_, index) => index * 31 + head.requestId) }
}

const openings: Record<PeerRole, fc.Arbitrary<PeerFrame>> = {
  dialer: fc.oneof(
    fc.record({ kind: fc.constant('hello' as const), dataBytesMax: fc.integer({ min: 16384, max: 4194304 }) }),
    fc.record({
      kind: fc.constant('hello' as const),
      dataBytesMax: fc.integer({ min: 16384, max: 4194304 }),
      peerId: peerId.map(name => name.slice(0, 100) as PeerId),
    }),
  ),
  listener: fc.record({
    kind: fc.constant('hello-ok' as const),
    requestsMax: fc.integer({ min: 1, max: 0xffff }),
    subscriptionsMax: fc.integer({ min: 1, max: 0xffff }),
    peerId,
  }),
}

/** A reader that writes down what it tells, with audio put together again. */
function recordingReader(sender: PeerRole, dataBytesMax?: number) {
  const told: (PeerFrame | Data)[] = []
  const parts: Uint8Array[] = []
  const reader = new PeerFrameReader(
    {
      frameRead: frame => told.push(frame as PeerFrame),
      dataStarted: head => told.push({ kind: 'data', head, audio: new Uint8Array() }),
      dataRead: bytes => parts.push(bytes.slice()),
      dataEnded: () => told.push({ ...(told.pop() as Data), audio: concat(parts.splice(0)) }),
    },
    { sender, ...(dataBytesMax !== undefined && { dataBytesMax }) },
  )
  return { reader, told }
}

/** Audio as text: comparing long arrays element by element would take minutes. */
function comparable(frames: readonly (PeerFrame | Data)[]): unknown[] {
  return frames.map(frame => (frame.kind === 'data' ? { ...frame, audio: Buffer.from(frame.audio).toString('base64') } : frame))
}

function bytesOf(frames: readonly (PeerFrame | Data)[]): Uint8Array {
  return concat(frames.flatMap(frame => (frame.kind === 'data' ? [encodeDataHead(frame.head), frame.audio] : [encodeFrame(frame)])))
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}

describe('PeerFrameReader', () => {
  for (const [sender, frame] of [
    ['dialer', dialerFrame],
    ['listener', listenerFrame],
  ] as const) {
    it(`reader: frames of the ${sender}, cut anywhere: come out as they went in`, () => {
      fc.assert(
        fc.property(
          openings[sender],
          fc.array(frame, { maxLength: 12 }),
          fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 20 }),
          (opening, frames, cuts) => {
            const { reader, told } = recordingReader(sender)
            const wire = bytesOf([opening, ...frames])
            for (let at = 0, cut = 0; at < wire.length; cut++) {
              const size = cuts[cut % cuts.length] as number
              reader.push(wire.subarray(at, at + size))
              at += size
            }
            expect(comparable(told)).toEqual(comparable([opening, ...frames]))
          },
        ),
        { seed: 3, numRuns: 100 },
      )
    })

    it(`reader: frames of the ${sender}, byte by byte: come out as they went in`, () => {
      fc.assert(
        fc.property(openings[sender], fc.array(frame, { maxLength: 2 }), (opening, frames) => {
          const { reader, told } = recordingReader(sender)
          for (const byte of bytesOf([opening, ...frames])) reader.push(Uint8Array.of(byte))
          expect(comparable(told)).toEqual(comparable([opening, ...frames]))
        }),
        { seed: 4, numRuns: 20 },
      )
    })

    it(`reader: garbage instead of the ${sender}: throws nothing but EVA_PEER_PROTOCOL, once and for all`, () => {
      const types = [0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x20, 0x21, 0x22, 0x23, 0x24, 0x30, 0x31, 0x3f]
      const almost = fc
        .tuple(
          fc.constantFrom(...types),
          fc.uint8Array({ minLength: 11, maxLength: 11 }),
          fc.integer({ min: 0, max: 300 }),
          fc.uint8Array({ maxLength: 300 }),
        )
        .map(([type, fields, length, payload]) =>
          Uint8Array.from([type, ...fields.map(byte => (byte < 128 ? 0 : byte & 7)), 0, 0, length >> 8, length & 255, ...payload]),
        )
      const garbage = fc.array(fc.oneof(fc.uint8Array({ maxLength: 64 }), almost), { maxLength: 8 })
      fc.assert(
        fc.property(openings[sender], fc.boolean(), garbage, (opening, isOpened, pushes) => {
          const { reader } = recordingReader(sender)
          if (isOpened) reader.push(encodeFrame(opening))
          let failure: unknown
          for (const push of pushes) {
            try {
              reader.push(push)
              expect(failure).toBeUndefined()
            } catch (error) {
              expect(error).toBeInstanceOf(EvaError)
              expect((error as EvaError).code).toBe('EVA_PEER_PROTOCOL')
              failure ??= error
              expect(error).toBe(failure)
            }
          }
        }),
        { seed: 5, numRuns: 3000 },
      )
    })
  }

  it('reader: a length that is claimed: is refused at the header, or nothing is reserved for it', () => {
    const { reader } = recordingReader('listener')
    reader.push(encodeFrame({ kind: 'hello-ok', requestsMax: 1, subscriptionsMax: 1, peerId: 'a' as PeerId }))
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 50 }, () => {
      const { reader: one } = recordingReader('listener')
      one.push(encodeFrame({ kind: 'hello-ok', requestsMax: 1, subscriptionsMax: 1, peerId: 'a' as PeerId }))
      one.push(encodeDataHead({ handle: 1, requestId: 1, chunkId: 0, firstBlock: 0, blockCount: 256, sizeBytes: 4194304 }))
      return one
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(readers.length * 16 * 1024)
    expect(() =>
      reader.push(encodeDataHead({ handle: 1, requestId: 1, chunkId: 0, firstBlock: 0, blockCount: 256, sizeBytes: 0xfffffff0 })),
    ).toThrow(expect.objectContaining({ code: 'EVA_PEER_PROTOCOL' }))
  })

  it('reader: more audio in a frame than our hello allowed: is refused', () => {
    const { reader } = recordingReader('listener', 2 * BLOCK_SIZE_BYTES)
    reader.push(encodeFrame({ kind: 'hello-ok', requestsMax: 1, subscriptionsMax: 1, peerId: 'a' as PeerId }))
    const head = { handle: 1, requestId: 1, chunkId: 0, firstBlock: 0 }
    reader.push(bytesOf([aData({ ...head, blockCount: 2, sizeBytes: 2 * BLOCK_SIZE_BYTES })]))
    expect(() => reader.push(encodeDataHead({ ...head, blockCount: 3, sizeBytes: 2 * BLOCK_SIZE_BYTES + 1 }))).toThrow(
      expect.objectContaining({ code: 'EVA_PEER_PROTOCOL' }),
    )
  })

  it('reader: audio: is handed on as slices of what was pushed, not copies', () => {
    const pushed = bytesOf([
      { kind: 'hello-ok', requestsMax: 1, subscriptionsMax: 1, peerId: 'a' as PeerId },
      aData({ handle: 1, requestId: 1, chunkId: 0, firstBlock: 0, blockCount: 1, sizeBytes: 100 }),
    ])
    const slices: Uint8Array[] = []
    const ignore = () => undefined
    new PeerFrameReader(
      { frameRead: ignore, dataStarted: ignore, dataRead: bytes => slices.push(bytes), dataEnded: ignore },
      { sender: 'listener' },
    ).push(pushed)
    expect(slices.map(slice => [slice.buffer === pushed.buffer, slice.length])).toEqual([[true, 100]])
  })

  it('reader: stopped in the middle of a push: tells nothing more', () => {
    const told: string[] = []
    const ignore = () => undefined
    const reader = new PeerFrameReader(
      {
        frameRead: frame => {
          told.push(frame.kind)
          if (frame.kind === 'ping') reader.stop()
        },
        dataStarted: ignore,
        dataRead: ignore,
        dataEnded: ignore,
      },
      { sender: 'dialer' },
    )
    reader.push(bytesOf([{ kind: 'hello', dataBytesMax: 16384 }, { kind: 'ping', token: 1 }, { kind: 'bye' }]))
    reader.push(encodeFrame({ kind: 'bye' }))
    expect(told).toEqual(['hello', 'ping'])
  })

  it('writer: a HELLO of a peer with a very long id: leaves the id out and stays within 128 bytes', () => {
    const bytes = encodeFrame({ kind: 'hello', dataBytesMax: 16384, peerId: 'p'.repeat(101) as PeerId })
    expect(bytes.length).toBe(28)
    const { reader, told } = recordingReader('dialer')
    reader.push(bytes)
    expect(told).toEqual([{ kind: 'hello', dataBytesMax: 16384 }])
  })
})
