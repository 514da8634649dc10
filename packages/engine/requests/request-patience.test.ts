import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { aSongState, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import { defaultEngineConfig } from '../config.ts'
import { CompletionSpread } from './completion-spread.ts'
import { giveUpAt, hedgeDueAt, type SourceExpectation } from './request-patience.ts'
import { type OpenRequest, RequestTable } from './request-table.ts'

/** Eight blocks, asked at 1000, expected to take 200 ms, not urgent. */
function aRequest(changes: Partial<OpenRequest> = {}): OpenRequest {
  const song = aSongState()
  const request = new RequestTable().open({
    song,
    chunk: song.startChunk(0, 0),
    run: { firstBlock: 0, blockCount: 8 },
    sizeBytes: 8 * BLOCK_SIZE_BYTES,
    source: fromPeer('anna'),
    priority: 'seed',
    askedAs: 'seed',
    askedAt: 1000,
    expectedMs: 200,
    patience: 1,
    deadlineAt: undefined,
    hedgeOf: undefined,
  })
  return Object.assign(request, changes)
}

function aSource(changes: Partial<SourceExpectation> = {}): SourceExpectation {
  return {
    rateBytesPerSecond: 1_000_000,
    roundTripMs: 20,
    patience: 1,
    openRequests: 1,
    ownBlockMs: 0,
    spread: new CompletionSpread(),
    ...changes,
  }
}

const patienceMs = (request: OpenRequest, source: SourceExpectation) => giveUpAt(request, source, defaultEngineConfig) - request.askedAt

describe('request patience: a source that says nothing', () => {
  test('a fast source: two seconds', () => {
    expect(patienceMs(aRequest(), aSource())).toBe(2000)
  })

  test('bytes came since: two seconds from those on', () => {
    expect(patienceMs(aRequest({ quietSince: 1700, receivedBytes: 100_000, queueBytes: 100_000 }), aSource())).toBe(2700)
  })

  test('a slow source: the time of four of its blocks', () => {
    const source = aSource({ rateBytesPerSecond: 16_384, roundTripMs: 100 })
    expect(patienceMs(aRequest({ expectedMs: 60_000 }), source)).toBe(4100)
  })

  test('a source that had timed out before it was asked: longer', () => {
    expect(patienceMs(aRequest({ patience: 4 }), aSource({ patience: 4 }))).toBe(8000)
  })

  test('a source that timed out meanwhile, and nothing came: no longer than before', () => {
    expect(patienceMs(aRequest(), aSource({ patience: 4 }))).toBe(2000)
  })
})

describe('request patience: a source that takes too long', () => {
  test('a byte now and then: given up when it should be done, and no sooner than two seconds', () => {
    expect(patienceMs(aRequest({ quietSince: 2500, receivedBytes: 3, queueBytes: 3 }), aSource())).toBe(2000)
  })

  test('expected to take three seconds: mean and four deviations of that', () => {
    const trickle = { quietSince: 9999, receivedBytes: 3, queueBytes: 3 }
    expect(patienceMs(aRequest({ ...trickle, expectedMs: 3000 }), aSource())).toBe(9000)
  })

  test('a source that timed out meanwhile, and something came: longer', () => {
    const trickle = { quietSince: 9999, receivedBytes: 3, queueBytes: 3 }
    expect(patienceMs(aRequest(trickle), aSource({ patience: 4 }))).toBe(8000)
  })

  test('expected to take a minute: ten seconds', () => {
    const trickle = { quietSince: 20_000, receivedBytes: 3, queueBytes: 3 }
    expect(patienceMs(aRequest({ ...trickle, expectedMs: 60_000 }), aSource())).toBe(10_000)
  })

  test('it is needed in 700 ms: given up then', () => {
    expect(patienceMs(aRequest({ deadlineAt: 1700, expectedMs: 20 }), aSource())).toBe(700)
  })

  test('it is needed at once: half a second all the same', () => {
    expect(patienceMs(aRequest({ deadlineAt: 900, expectedMs: 20 }), aSource())).toBe(500)
  })

  test('it is needed in a while: as long as a silent one', () => {
    expect(patienceMs(aRequest({ deadlineAt: 8000, expectedMs: 20 }), aSource())).toBe(2000)
  })
})

describe('request patience: slow links are not given up for ever', () => {
  test.each([
    ['256 KB/s and a chunk of 4 MiB', 256_000],
    ['32 KB/s and a chunk of 4 MiB', 32_000],
    ['9 KB/s and a chunk of 4 MiB', 9000],
  ])('%s: never given up while the bytes keep coming', (_, rateBytesPerSecond) => {
    const source = aSource({ rateBytesPerSecond })
    const request = aRequest({ sizeBytes: 4 * 1024 * 1024, expectedMs: 4000 })
    for (let at = 1000; request.receivedBytes < request.sizeBytes; at += 1000) {
      expect(giveUpAt(request, source, defaultEngineConfig)).toBeGreaterThan(at)
      Object.assign(request, {
        quietSince: at,
        receivedBytes: request.receivedBytes + rateBytesPerSecond,
        queueBytes: request.queueBytes + rateBytesPerSecond,
      })
    }
  })

  test('it stands in a queue that moves: as patient as if its own bytes came', () => {
    const waiting = aRequest({ quietSince: 12_000, receivedBytes: 0, queueBytes: 400_000 })
    expect(giveUpAt(waiting, aSource({ rateBytesPerSecond: 32_000 }), defaultEngineConfig)).toBeGreaterThan(13_000)
  })

  test('ten requests share our slow link: each may be ten times as slow', () => {
    const request = aRequest({ quietSince: 11_900, receivedBytes: 20_000, queueBytes: 20_000 })
    expect(giveUpAt(request, aSource({ rateBytesPerSecond: 2000, openRequests: 10 }), defaultEngineConfig)).toBeGreaterThan(25_000)
  })

  test('ten requests share our slow link, and this one is needed soon and loses nothing that verified: given up', () => {
    const request = aRequest({ quietSince: 11_900, receivedBytes: 20_000, queueBytes: 20_000, askedAs: 'play', deadlineAt: 900 })
    expect(giveUpAt(request, aSource({ rateBytesPerSecond: 2000, openRequests: 10 }), defaultEngineConfig)).toBeLessThan(12_000)
  })

  test('needed soon, and it sends its share of what our own link bears: not given up, for nobody could send more', () => {
    const request = aRequest({ quietSince: 11_900, receivedBytes: 20_000, queueBytes: 20_000, askedAs: 'play', deadlineAt: 900 })
    const source = aSource({ rateBytesPerSecond: 2000, openRequests: 5, ownBlockMs: 8000 })
    expect(giveUpAt(request, source, defaultEngineConfig)).toBeGreaterThan(13_000)
  })

  test('our own link needs long for a block of each source: silence is borne as long', () => {
    const request = aRequest({ quietSince: 1000, priority: 'play', deadlineAt: 1000 })
    const source = aSource({ ownBlockMs: 6000 })
    const unhurried = { ...defaultEngineConfig, requestTimeoutMinMs: 9000, silenceMs: 2000 }
    expect(giveUpAt({ ...request, expectedMs: 9000 }, source, unhurried)).toBe(7000)
    expect(giveUpAt({ ...request, expectedMs: 9000 }, aSource(), unhurried)).toBe(3000)
  })

  test('slower than anybody can bear: given up', () => {
    const request = aRequest({ quietSince: 11_900, receivedBytes: 20_000, queueBytes: 20_000 })
    expect(giveUpAt(request, aSource({ rateBytesPerSecond: 2000 }), defaultEngineConfig)).toBeLessThan(12_000)
  })
})

describe('request patience: hedging', () => {
  test('the usual time and a deviation: then a second source is thought of', () => {
    expect(hedgeDueAt(aRequest(), new CompletionSpread(), defaultEngineConfig)).toBe(1300)
  })

  test('sources of this class that keep their word: sooner', () => {
    const spread = new CompletionSpread()
    for (let index = 0; index < 40; index++) spread.finished(200, 200)
    expect(hedgeDueAt(aRequest(), spread, defaultEngineConfig)).toBeLessThan(1210)
  })

  test('a source so slow that hours are usual: two seconds all the same', () => {
    expect(hedgeDueAt(aRequest({ expectedMs: 9_000_000 }), new CompletionSpread(), defaultEngineConfig)).toBe(3000)
  })
})
