import { describe, expect, test } from 'vitest'
import { defaultEngineConfig, engineConfig } from './config.ts'

describe('engine config', () => {
  test('nothing said: the defaults, which agree with one another', () => {
    expect(engineConfig()).toEqual(defaultEngineConfig)
  })

  test('some numbers said: those replace the defaults, the others stay', () => {
    const config = engineConfig({ downloadsInFlightMax: 3 })
    expect(config.downloadsInFlightMax).toBe(3)
    expect(config.windowMs).toBe(defaultEngineConfig.windowMs)
  })

  test('a config: cannot be changed afterwards', () => {
    expect(Object.isFrozen(engineConfig({ windowMs: 5000 }))).toBe(true)
    expect(Object.isFrozen(defaultEngineConfig)).toBe(true)
  })

  test.each([
    ['no downloads at all', { downloadsInFlightMax: 0 }],
    ['half a chunk in progress', { chunksInProgressMax: 1.5 }],
    ['no request at the origin', { originRequestsMax: 0 }],
    ['no batch at a peer', { batchesPerPeerMax: -1 }],
    ['no block in a batch', { batchBlocksMin: 0 }],
    ['a batch at least larger than at most', { batchBlocksMin: 9, batchBlocksMax: 8 }],
    ['a backoff that begins above its cap', { originBackoffBaseMs: 60_000 }],
    ['a lookup that is stale before the next is due', { findPeersFreshMs: 1000 }],
    ['a time out that is longer at least than at most', { requestTimeoutMinMs: 20_000 }],
  ])('%s: refused as a mistake of ours', (_, changes) => {
    expect(() => engineConfig(changes)).toThrow(expect.objectContaining({ code: 'EVA_INTERNAL' }))
  })
})
