import { KIB, MINUTE_MS } from '@evastream/core/units'
import type { RequestBlocks, SchedulerCommand } from '@evastream/engine/commands'
import { engineConfig } from '@evastream/engine/config'
import type { SchedulerSnapshot } from '@evastream/engine/snapshot'
import { describe, expect, test } from 'vitest'
import { aSongAdded, fromOrigin, fromPeer } from './engine-fixtures.ts'
import { aSongId, type Fact, peerNamed } from './scheduler-driver.ts'
import { SchedulerWitness } from './scheduler-witness.ts'

const anna = peerNamed('anna')

/** A Scheduler that a test puts words into the mouth of; its snapshot agrees with them unless told otherwise. */
class Liar {
  readonly witness = new SchedulerWitness(
    engineConfig({ downloadsInFlightMax: 3, waitingRequestsMax: 0, chunksInProgressMax: 2, originRequestsMax: 2 }),
  )
  claims: Partial<SchedulerSnapshot> = {}
  #now = 0

  /** Something happens and the Scheduler answers so. @returns what the witness has noted so far. */
  tell(fact: Fact, ...commands: SchedulerCommand[]): readonly string[] {
    const event = { at: ++this.#now, ...fact } as Parameters<SchedulerWitness['saw']>[0]
    this.witness.saw(
      event,
      commands.map(command => Object.freeze(command)),
      { snapshot: () => this.#snapshot() },
    )
    return this.witness.violations
  }

  /** A song is wanted, and anna holds it. */
  begin(changes: Parameters<typeof aSongAdded>[0] = {}): void {
    this.tell(aSongAdded(changes))
    this.tell({ kind: 'peer-listed', songId: aSongId, peerId: anna, chunkIds: [0, 1], told: 'peer' })
  }

  #snapshot(): SchedulerSnapshot {
    const requests = [...this.witness.openRequests.keys()].map(requestId => ({ requestId }))
    const claims = {
      at: 0,
      songs: [],
      requests,
      peers: [],
      origin: { failures: 0, retryAt: 0, openRequests: 0 },
      hedgeWastedBytes: 0,
      ...this.claims,
    }
    return claims as unknown as SchedulerSnapshot
  }
}

function request(requestId: number, changes: Partial<RequestBlocks> = {}): RequestBlocks {
  return {
    kind: 'request-blocks',
    requestId,
    songId: aSongId,
    chunkId: 0,
    firstBlock: 0,
    blockCount: 16,
    source: fromOrigin,
    priority: 'seed',
    verify: 'blocks',
    ...changes,
  }
}

const woke: Fact = { kind: 'woke' }
const complete: SchedulerCommand = { kind: 'complete-chunk', songId: aSongId, chunkId: 0 }
const discard: SchedulerCommand = { kind: 'discard-chunk', songId: aSongId, chunkId: 0 }
const ban: SchedulerCommand = { kind: 'ban-peer', peerId: anna, code: 'EVA_BLOCK_HASH_MISMATCH', durationMs: 10 * MINUTE_MS }

describe('scheduler witness: all is well', () => {
  test('a chunk asked for, brought, completed and stored: nothing to note', () => {
    const liar = new Liar()
    liar.begin()
    liar.tell(woke, request(1, { blockCount: 8, source: fromPeer('anna') }), request(2, { firstBlock: 8, blockCount: 8 }))
    for (let block = 0; block < 8; block++) liar.tell({ kind: 'blocks-verified', requestId: 1, firstBlock: block, blockCount: 1 })
    liar.tell({ kind: 'request-finished', requestId: 1 })
    liar.tell({ kind: 'request-finished', requestId: 2 }, complete)
    expect(liar.witness.completing()).toEqual([[aSongId, 0]])
    expect(liar.tell({ kind: 'chunk-stored', songId: aSongId, chunkId: 0 })).toEqual([])
    expect(liar.witness.isWanted(aSongId, 0)).toBe(false)
    expect(liar.witness.completing()).toEqual([])
  })

  test('what is wanted: follows interest, readers, and what is held', () => {
    const liar = new Liar()
    liar.begin({ interest: 'idle', heldChunkIds: [6] })
    expect(liar.witness.wantedChunks()).toEqual([])
    liar.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'r', positionBytes: 5 * 256 * KIB + 1 })
    expect(liar.witness.wantedChunks().map(([, chunkId]) => chunkId)).toEqual([5, 7])
    liar.tell({ kind: 'playback-stopped', songId: aSongId, readerId: 'r' })
    expect(liar.witness.wantedChunks()).toEqual([])
    liar.tell({ kind: 'interest-changed', songId: aSongId, interest: 'seed' })
    liar.tell({ kind: 'chunk-lost', songId: aSongId, chunkId: 6 })
    expect(liar.witness.wantedChunks()).toHaveLength(8)
    liar.tell({ kind: 'song-removed', songId: aSongId })
    expect(liar.witness.wantedChunks()).toEqual([])
  })
})

/** Chunk 0 comes whole and is to be completed. */
function finish(liar: Liar): void {
  liar.begin()
  liar.tell(woke, request(1))
  liar.tell({ kind: 'request-finished', requestId: 1 }, complete)
}

function expectNoted(violations: readonly string[], expected: RegExp): void {
  expect(violations.length).toBeGreaterThan(0)
  for (const violation of violations) expect(violation).toMatch(expected)
}

describe('scheduler witness: requests', () => {
  const cases: readonly (readonly [string, RegExp, Parameters<typeof aSongAdded>[0], readonly SchedulerCommand[]])[] = [
    ['with a number that was used', /used before/, {}, [request(2), request(1, { chunkId: 1 })]],
    ['for a chunk that is held', /nobody wants/, { heldChunkIds: [0] }, [request(1)]],
    ['for a chunk that is not wanted', /nobody wants/, { interest: 'idle' }, [request(1)]],
    ['for blocks that the chunk does not have', /leaves its chunk/, {}, [request(1, { firstBlock: 10, blockCount: 7 })]],
    ['for no block', /leaves its chunk/, {}, [request(1, { blockCount: 0 })]],
    ['for a part of a chunk that is judged as a whole', /whole chunk/, {}, [request(1, { blockCount: 8, verify: 'chunk' })]],
    ['to a stranger', /not known to hold/, {}, [request(1, { source: fromPeer('boris') })]],
    ['for blocks that are on their way from the same source', /twice from one source/, {}, [request(1), request(2)]],
    ['cancelled that was never open', /was not open/, {}, [{ kind: 'cancel-request', requestId: 9, reason: 'unwanted' }]],
  ]

  test.each(cases)('a request %s: noted', (_, expected, changes, commands) => {
    const liar = new Liar()
    liar.begin(changes)
    expectNoted(liar.tell(woke, ...commands), expected)
  })

  test('a request for a song that is not known: noted', () => {
    expectNoted(new Liar().tell(woke, request(1)), /not known/)
  })

  test('a request to a peer that is gone: noted', () => {
    const liar = new Liar()
    liar.begin()
    expectNoted(
      liar.tell({ kind: 'peer-lost', peerId: anna, code: 'EVA_PEER_CLOSED' }, request(1, { source: fromPeer('anna') })),
      /not known to hold/,
    )
  })

  test('a request to a peer that is out, though it spoke again: noted', () => {
    const liar = new Liar()
    liar.begin()
    liar.tell(woke, ban)
    liar.tell({ kind: 'peer-has', songId: aSongId, peerId: anna, chunkIds: [0] })
    expectNoted(liar.tell(woke, request(1, { source: fromPeer('anna') })), /not known to hold|who is out/)
  })

  test('a request for a chunk that is being completed: noted', () => {
    const liar = new Liar()
    finish(liar)
    expectNoted(liar.tell(woke, request(2)), /being completed|which is here/)
  })

  test('a request for a block that is here: noted', () => {
    const liar = new Liar()
    liar.begin()
    liar.tell(woke, request(1, { blockCount: 4 }))
    liar.tell({ kind: 'request-finished', requestId: 1 })
    expectNoted(liar.tell(woke, request(2, { firstBlock: 3, blockCount: 4 })), /block 3, which is here/)
  })

  test('a request for blocks that are on their way from two others: noted', () => {
    const liar = new Liar()
    liar.begin()
    liar.tell({ kind: 'peer-has', songId: aSongId, peerId: peerNamed('boris'), chunkIds: [0] })
    expectNoted(liar.tell(woke, request(1), request(2, { source: fromPeer('anna') }), request(3, { source: fromPeer('boris') })), /thrice/)
  })

  test('a request cancelled that failed before: noted', () => {
    const liar = new Liar()
    liar.begin()
    liar.tell(woke, request(1))
    const cancel: SchedulerCommand = { kind: 'cancel-request', requestId: 1, reason: 'unwanted' }
    expectNoted(liar.tell({ kind: 'request-failed', requestId: 1, code: 'EVA_ORIGIN_STATUS' }, cancel), /was not open/)
  })
})

describe('scheduler witness: chunks and peers', () => {
  test('a chunk completed that is not whole, or twice, or was never begun: noted', () => {
    const early = new Liar()
    early.begin()
    expect(early.tell(woke, request(1), complete)).toEqual([expect.stringMatching(/not whole/)])
    const twice = new Liar()
    finish(twice)
    expect(twice.tell(woke, complete)).toEqual([expect.stringMatching(/completed twice/)])
    expect(new Liar().tell(woke, complete)).toEqual([expect.stringMatching(/never begun/)])
  })

  test('a chunk completed again after the disk refused it: nothing to note', () => {
    const liar = new Liar()
    finish(liar)
    liar.tell({ kind: 'chunk-unstored', songId: aSongId, chunkId: 0, code: 'EVA_STORAGE_FULL' })
    expect(liar.tell(woke, complete)).toEqual([])
  })

  test('a chunk discarded that was never begun, or while a request for it is open: noted', () => {
    const liar = new Liar()
    liar.begin()
    expect(liar.tell(woke, discard)).toEqual([expect.stringMatching(/never begun/)])
    const open = new Liar()
    open.begin()
    expect(open.tell(woke, request(1), discard)).toEqual([expect.stringMatching(/while request 1 is open/)])
  })

  test('a peer banned twice, or while a request to it is open: noted', () => {
    const liar = new Liar()
    liar.begin()
    expect(liar.tell(woke, ban, ban)).toEqual([expect.stringMatching(/banned twice/)])
    const open = new Liar()
    open.begin()
    expect(open.tell(woke, request(1, { source: fromPeer('anna') }), ban)).toEqual([expect.stringMatching(/while request 1/)])
  })

  test('the tracker asked about a song of which nothing is wanted, or trouble of a song that is not known: noted', () => {
    const liar = new Liar()
    liar.begin({ interest: 'idle' })
    expect(liar.tell(woke, { kind: 'find-peers', songId: aSongId })).toEqual([expect.stringMatching(/nothing is wanted/)])
    expect(new Liar().tell(woke, { kind: 'report-trouble', code: 'EVA_STORAGE_FULL', songId: aSongId })).toEqual([
      expect.stringMatching(/not known/),
    ])
  })
})

describe('scheduler witness: bounds and books', () => {
  const chunk = { chunkId: 0, phase: 'fetching', blocksHere: 0, blockCount: 1 }
  const claims: readonly (readonly [string, Partial<Record<keyof SchedulerSnapshot, unknown>>, RegExp])[] = [
    ['more chunks in progress than allowed', { songs: [{ inProgress: [chunk, chunk, chunk] }] }, /3 chunks are in progress/],
    ['more requests to a peer than allowed', { peers: [{ peerId: anna, openRequests: 3 }] }, /3 requests are out to anna/],
    ['more requests to the origin than allowed', { origin: { openRequests: 3 } }, /3 requests are out to the origin/],
    ['requests that were never told', { requests: [{ requestId: 7 }] }, /it thinks 7 are/],
  ]

  test.each(claims)('%s: noted', (_, claimed, expected) => {
    const liar = new Liar()
    liar.claims = claimed as Partial<SchedulerSnapshot>
    expect(liar.tell(woke)).toEqual([expect.stringMatching(expected)])
  })

  test('more requests than allowed: noted', () => {
    const liar = new Liar()
    liar.begin()
    const four = [1, 2, 3, 4].map(requestId => request(requestId, { chunkId: requestId }))
    expect(liar.tell(woke, ...four)).toEqual([expect.stringMatching(/4 requests are open/)])
  })

  test('a command that is no plain JSON, or that can be changed: noted', () => {
    const liar = new Liar()
    liar.begin()
    expect(liar.tell(woke, { ...ban, durationMs: Number.POSITIVE_INFINITY })).toEqual([expect.stringMatching(/plain JSON/)])
    const { witness } = new Liar()
    witness.saw(aSongAdded(), [{ kind: 'find-peers', songId: aSongId }], {
      snapshot: () => ({ songs: [], requests: [], peers: [], origin: {} }) as never,
    })
    expect(witness.violations).toEqual([expect.stringMatching(/can be changed/)])
  })
})
