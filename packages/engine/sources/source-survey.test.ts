import { BLOCK_SIZE_BYTES, MINUTE_MS } from '@evastream/core/units'
import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { SongState } from '../songs/song-state.ts'
import type { SourceFacts } from './source-selection.ts'
import type { SurveyedRun } from './source-survey.ts'

const WHOLE = { firstBlock: 0, blockCount: 16 }

function factsOf(parts: EngineParts, song: SongState, changes: Partial<SurveyedRun> = {}): SourceFacts {
  const wanted: SurveyedRun = { song, chunkId: 0, run: WHOLE, verify: 'blocks', deadlineAt: undefined, isYielding: false, ...changes }
  return parts.survey.factsOf(wanted, 0)
}

const standings = (facts: SourceFacts) => Object.fromEntries(facts.candidates.map(({ peerId, standing }) => [peerId, standing]))

/** The peer delivers at this rate (bytes per second), measured now. */
function measure(parts: EngineParts, name: string, rate: number): void {
  const pace = parts.state.paceOf(fromPeer(name))
  const at = parts.state.now
  pace.asked(100_000, at - 100_000_000 / rate)
  pace.arrived(100_000, at)
  pace.ended(0, at)
  parts.state.health.measured()
}

describe('source survey: who is a candidate', () => {
  test('the peers that hold the chunk, and no others', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song, [0])
    parts.addPeer('boris', song, [1])
    expect(standings(factsOf(parts, song))).toEqual({ anna: 'free' })
  })

  test('a peer that is receiving the chunk and has not got the block: after one that holds it; not once our own first block was earlier', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song, [0])
    const boris = parts.addPeer('boris', song, [])
    parts.state.peers.arriving(song.songId, boris, { chunks: [{ chunkId: 0, blocks: [8] }], at: 10 })
    const [whole, part] = factsOf(parts, song).candidates
    expect([whole?.peerId, part?.peerId]).toEqual(['anna', 'boris'])
    expect(part?.finishMs).toBeGreaterThan(whole?.finishMs ?? 0)
    expect(part?.finishMs).toBeLessThan(1.2 * (whole?.finishMs ?? 0))
    song.startChunk(0, 5).firstBlockAt = 9
    expect(standings(factsOf(parts, song))).toEqual({ anna: 'free' })
    expect(standings(factsOf(parts, song, { verify: 'chunk', chunkId: 1 }))).toEqual({})
  })

  test('a peer that is receiving the chunk and has the block: like one that holds it, and for no more than it has', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song, [0])
    const boris = parts.addPeer('boris', song, [])
    song.startChunk(0, 5).firstBlockAt = 9
    parts.state.peers.arriving(song.songId, boris, { chunks: [{ chunkId: 0, blocks: [0, 1, 2, 9] }], at: 10 })
    const [whole, part] = factsOf(parts, song).candidates
    expect(part).toEqual({ ...whole, peerId: boris })
    const wanted = { song, chunkId: 0, verify: 'blocks', run: { firstBlock: 0, blockCount: 16 } } as const
    expect(parts.survey.batchBlocks(fromPeer('boris'), wanted)).toBe(3)
    expect(parts.survey.batchBlocks(fromPeer('anna'), wanted)).toBeGreaterThan(3)
  })

  test('only some requests may wait for blocks that their source has not got: then others that may be waited for count as full', () => {
    const parts = new EngineParts({ relayWaitsMax: 1 })
    const song = parts.addSong()
    for (const name of ['anna', 'boris'])
      parts.state.peers.arriving(song.songId, parts.addPeer(name, song, []), {
        chunks: [0, 1].map(chunkId => ({ chunkId, blocks: [9] })),
        at: 10,
      })
    expect(standings(factsOf(parts, song))).toEqual({ anna: 'free', boris: 'free' })
    parts.ask(song, fromPeer('anna'), { chunkId: 1, blockCount: 2 })
    expect(standings(factsOf(parts, song))).toEqual({ anna: 'full', boris: 'full' })
    parts.state.peers.has(song.songId, peerNamed('anna'), [1])
    expect(standings(factsOf(parts, song))).toEqual({ anna: 'full', boris: 'free' })
  })

  test('a source that is at work on the run already: not again', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song)
    parts.addPeer('boris', song)
    expect(standings(factsOf(parts, song, { except: fromPeer('anna') }))).toEqual({ boris: 'free' })
    expect(factsOf(parts, song, { except: fromPeer('anna') }).origin.standing).toBe('free')
    expect(factsOf(parts, song, { except: fromOrigin }).origin.standing).toBe('full')
  })
})

describe('source survey: how a peer stands', () => {
  function survey(prepare: (parts: EngineParts, song: SongState) => void, changes: Partial<SurveyedRun> = {}): string | undefined {
    const parts = new EngineParts()
    parts.state.now = 100_000
    const song = parts.addSong()
    parts.addPeer('anna', song)
    prepare(parts, song)
    return factsOf(parts, song, changes).candidates[0]?.standing
  }
  const anna = fromPeer('anna')
  const annaId = peerNamed('anna')

  test('nothing is known of it: free', () => {
    expect(survey(() => {})).toBe('free')
  })

  test('a stranger, one request is out to it: full', () => {
    expect(survey((parts, song) => parts.ask(song, anna, { chunkId: 1 }))).toBe('full')
  })

  test('it delivered before, one request is out to it: free; two: full', () => {
    expect(
      survey((parts, song) => {
        parts.state.health.delivered(annaId)
        parts.ask(song, anna, { chunkId: 1 })
      }),
    ).toBe('free')
    expect(
      survey((parts, song) => {
        parts.state.health.delivered(annaId)
        parts.ask(song, anna, { chunkId: 1 })
        parts.ask(song, anna, { chunkId: 2 })
      }),
    ).toBe('full')
  })

  test('it failed once: to be waited for; twice: failed', () => {
    const failed = (count: number) => (parts: EngineParts) => {
      for (let index = 0; index < count; index++) {
        parts.state.health.failed(annaId, 99_990 + index)
        parts.state.health.spoke(annaId, 99_990 + index)
      }
      parts.state.health.recordOf(annaId).pausedUntil = 100_500
    }
    expect(survey(failed(1))).toBe('busy')
    expect(survey(failed(2))).toBe('failed')
  })

  test('it failed and never delivered: not for what is about to be heard, unless nobody else can bring it', () => {
    const hollow = (parts: EngineParts) => parts.state.health.failed(annaId, 0)
    expect(survey(hollow, { deadlineAt: 101_000 })).toBe('slow')
    expect(survey(hollow)).toBe('free')
    const provenOnce = (parts: EngineParts) => {
      parts.state.health.delivered(annaId)
      parts.state.health.failed(annaId, 0)
    }
    expect(survey(provenOnce, { deadlineAt: 101_000 })).toBe('free')
  })

  test('another that failed and never delivered is being tried: its turn comes later, or now if the origin fails', () => {
    const isTryingBoris = (parts: EngineParts, song: SongState) => {
      parts.state.health.failed(annaId, 0)
      parts.state.health.failed(peerNamed('boris'), 0)
      parts.ask(song, fromPeer('boris'), { chunkId: 1 })
    }
    expect(survey(isTryingBoris)).toBe('failed')
    expect(
      survey((parts, song) => {
        isTryingBoris(parts, song)
        parts.state.origin.failed(99_000, 98_000)
      }),
    ).toBe('slow')
    expect(
      survey((parts, song) => {
        isTryingBoris(parts, song)
        for (const request of [...parts.state.requests.all()]) parts.desk.failed(request)
      }),
    ).toBe('free')
  })

  test('it failed and its pause is over: free for one request, and after that not', () => {
    const failedAgesAgo = (parts: EngineParts) => {
      parts.state.health.failed(annaId, 0)
    }
    expect(survey(failedAgesAgo)).toBe('free')
    expect(
      survey((parts, song) => {
        failedAgesAgo(parts)
        parts.ask(song, anna, { chunkId: 1 })
      }),
    ).toBe('full')
    expect(
      survey((parts, song) => {
        failedAgesAgo(parts)
        parts.state.health.failed(annaId, 50_000)
        parts.ask(song, anna, { chunkId: 1 })
      }),
    ).toBe('failed')
  })

  test('it is busy: busy; and if it never was anything else for long: failed', () => {
    expect(survey(parts => parts.state.health.busy(annaId, 99_000, 5000))).toBe('busy')
    expect(
      survey(parts => {
        parts.state.health.busy(annaId, 60_000, 500)
        parts.state.health.busy(annaId, 99_000, 5000)
      }),
    ).toBe('failed')
  })

  test('it failed this very chunk: failed for it, free for others', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const peerId = parts.addPeer('anna', song)
    song.markPeer(0, peerId, 0)
    expect(factsOf(parts, song).candidates[0]).toMatchObject({ standing: 'failed', retryAt: 5000 })
    expect(factsOf(parts, song, { chunkId: 1 }).candidates[0]?.standing).toBe('free')
    parts.state.now = 5000
    expect(factsOf(parts, song).candidates[0]?.standing).toBe('free')
  })

  test('it is slower than anybody can bear: slow, until that measurement is old', () => {
    const parts = new EngineParts()
    parts.state.now = 100_000
    const song = parts.addSong()
    parts.addPeer('anna', song)
    measure(parts, 'anna', 4000)
    expect(factsOf(parts, song).candidates[0]?.standing).toBe('slow')
    parts.state.now += MINUTE_MS
    expect(factsOf(parts, song).candidates[0]?.standing).toBe('free')
  })

  test('it is too slow and full: no use waiting for it', () => {
    expect(
      survey((parts, song) => {
        measure(parts, 'anna', 4000)
        parts.ask(song, anna, { chunkId: 1 })
        parts.ask(song, anna, { chunkId: 2 })
      }),
    ).toBe('failed')
  })
})

describe('source survey: predicted finish', () => {
  test('what was asked of it before and this batch, by its rate, and a round trip', () => {
    const parts = new EngineParts({ roundTripAssumedMs: 50 })
    parts.state.now = 1000
    const song = parts.addSong()
    parts.addPeer('anna', song)
    measure(parts, 'anna', 1_000_000)
    parts.ask(song, fromPeer('anna'), { chunkId: 1, blockCount: 4 })
    const bytes = (4 + 8) * BLOCK_SIZE_BYTES
    expect(factsOf(parts, song).candidates[0]?.finishMs).toBeCloseTo(50 + bytes / 1000)
  })

  test('a measured round trip: in place of the assumption', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song)
    const before = factsOf(parts, song).candidates[0]?.finishMs ?? 0
    parts.state.paceOf(fromPeer('anna')).answeredAfter(10)
    expect(factsOf(parts, song).candidates[0]?.finishMs).toBeCloseTo(before - 40)
  })

  test('one that failed last time: as if it kept silent first', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const peerId = parts.addPeer('anna', song)
    const run = { firstBlock: 0, blockCount: 2 }
    const before = factsOf(parts, song, { run }).candidates[0]?.finishMs ?? 0
    parts.state.health.failed(peerId, 0)
    expect(factsOf(parts, song, { run }).candidates[0]?.finishMs).toBeCloseTo(before + 2000)
  })

  test('one that was only ever busy for a while: as if it stayed so as long again, until it delivers', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const peerId = parts.addPeer('anna', song)
    const run = { firstBlock: 0, blockCount: 2 }
    const before = factsOf(parts, song, { run }).candidates[0]?.finishMs ?? 0
    parts.state.health.busy(peerId, 0, 100)
    parts.state.now = 700
    parts.state.health.busy(peerId, 700, 100)
    expect(factsOf(parts, song, { run }).candidates[0]?.finishMs).toBeCloseTo(before + 700)
    parts.state.health.delivered(peerId)
    expect(factsOf(parts, song, { run }).candidates[0]?.finishMs).toBeCloseTo(before)
  })

  test('a slow peer: only as much as it would be asked for at a time', () => {
    const parts = new EngineParts({ roundTripAssumedMs: 0, rateAssumedBytesPerSecond: 50_000 })
    const song = parts.addSong()
    parts.addPeer('anna', song)
    expect(factsOf(parts, song).candidates[0]?.finishMs).toBeCloseTo((2 * BLOCK_SIZE_BYTES) / 50)
    expect(factsOf(parts, song).origin.finishMs).toBeCloseTo((8 * BLOCK_SIZE_BYTES) / 50)
  })

  test('a short rest of a chunk: only its bytes', () => {
    const parts = new EngineParts({ roundTripAssumedMs: 0, rateAssumedBytesPerSecond: 1_000_000 })
    const song = parts.addSong()
    parts.addPeer('anna', song)
    const facts = factsOf(parts, song, { run: { firstBlock: 14, blockCount: 2 } })
    expect(facts.candidates[0]?.finishMs).toBeCloseTo((2 * BLOCK_SIZE_BYTES) / 1000)
  })

  test('judged as a whole chunk: all its bytes', () => {
    const parts = new EngineParts({ roundTripAssumedMs: 0, rateAssumedBytesPerSecond: 1_000_000 })
    const song = parts.addSong({ hasBlockHashes: false })
    parts.addPeer('anna', song)
    expect(factsOf(parts, song, { verify: 'chunk' }).candidates[0]?.finishMs).toBeCloseTo((16 * BLOCK_SIZE_BYTES) / 1000)
  })
})

describe('source survey: how the origin stands', () => {
  test('nothing is out to it: free', () => {
    const parts = new EngineParts()
    expect(factsOf(parts, parts.addSong()).origin.standing).toBe('free')
  })

  test('all its places are taken: full', () => {
    const parts = new EngineParts({ originRequestsMax: 2 })
    const song = parts.addSong()
    parts.ask(song, fromOrigin, { chunkId: 1 })
    parts.ask(song, fromOrigin, { chunkId: 2 })
    expect(factsOf(parts, song).origin.standing).toBe('full')
  })

  test('a part of its room: is left to what is urgent, by what yields', () => {
    const parts = new EngineParts({ originRequestsMax: 4 })
    const song = parts.addSong()
    for (const chunkId of [1, 2, 3]) parts.ask(song, fromOrigin, { chunkId, blockCount: 1 })
    expect(factsOf(parts, song, { isYielding: true }).origin.standing).toBe('full')
    expect(factsOf(parts, song, { isYielding: false }).origin.standing).toBe('free')
  })

  test('it failed: failed, until its pause is over', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.state.origin.failed(0, 0)
    expect(factsOf(parts, song).origin).toMatchObject({ standing: 'failed', retryAt: parts.state.origin.retryAt })
  })

  test('it failed this very chunk: failed for it alone', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    song.pauseAtOrigin(0, 0)
    expect(factsOf(parts, song).origin).toMatchObject({ standing: 'failed', retryAt: 250 })
    expect(factsOf(parts, song, { chunkId: 1 }).origin.standing).toBe('free')
  })
})

describe('source survey: how much to ask for at a time', () => {
  const batch = (parts: EngineParts, song: SongState, name: string, verify: 'blocks' | 'chunk' = 'blocks', run = WHOLE) =>
    parts.survey.batchBlocks(name === 'origin' ? fromOrigin : fromPeer(name), { song, chunkId: 0, verify, run })

  test('a peer: what it sends in 200 ms, within bounds; of a fast one a whole chunk', () => {
    const parts = new EngineParts()
    parts.state.now = 1000
    const song = parts.addSong()
    for (const [name, rate] of [
      ['slow', 50_000],
      ['fair', 400_000],
      ['good', 1_000_000],
      ['fast', 50_000_000],
    ] as const) {
      parts.addPeer(name, song)
      measure(parts, name, rate)
    }
    expect(['slow', 'fair', 'good', 'fast'].map(name => batch(parts, song, name))).toEqual([2, 5, 8, 16])
  })

  test('a peer and a short rest: the rest', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song)
    expect(batch(parts, song, 'anna', 'blocks', { firstBlock: 15, blockCount: 1 })).toBe(1)
  })

  test('a peer that failed last time: as few as possible', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.state.health.failed(parts.addPeer('anna', song), 0)
    expect(batch(parts, song, 'anna')).toBe(2)
  })

  test('judged as a whole: the whole chunk, of anybody', () => {
    const parts = new EngineParts()
    const song = parts.addSong({ hasBlockHashes: false })
    parts.addPeer('anna', song)
    expect(batch(parts, song, 'anna', 'chunk')).toBe(16)
    expect(batch(parts, song, 'origin', 'chunk')).toBe(16)
  })

  test('the origin and a chunk that nobody holds: all of it; that peers hold too: a part', () => {
    const parts = new EngineParts({ originRunBlocksMax: 4 })
    const song = parts.addSong()
    expect(batch(parts, song, 'origin')).toBe(16)
    parts.addPeer('anna', song)
    expect(batch(parts, song, 'origin')).toBe(4)
  })
})
