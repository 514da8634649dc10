import { loadConfig } from '@evastream/service-kit/config'
import { describe, expect, it } from 'vitest'
import { trackerConfig, trackerOptions } from './config.ts'

const configOf = (...argv: string[]) => trackerConfig(loadConfig(trackerOptions, { argv, env: {}, verb: 'tracker' }).values)

describe('trackerConfig', () => {
  it('nothing said: the times and the port of the design', () => {
    expect(configOf()).toMatchObject({
      host: '127.0.0.1',
      port: 8082,
      metadataUrl: 'http://127.0.0.1:8081',
      heartbeatIntervalMs: 10_000,
      expiresAfterMs: 30_000,
      sweepIntervalMs: 30_000,
      trustedRanges: [],
    })
  })

  it('a flag for each time and range: is taken', () => {
    const config = configOf(
      '--heartbeat.intervalMs=100',
      '--peer.expiresAfterMs=300',
      '--sweep.intervalMs=400',
      '--trusted-ranges=10.0.0.0/8',
    )
    expect(config).toMatchObject({ heartbeatIntervalMs: 100, expiresAfterMs: 300, sweepIntervalMs: 400 })
    expect(config.trustedRanges).toHaveLength(1)
  })

  it.each([
    ['--peer.expiresAfterMs=10000'],
    ['--heartbeat.intervalMs=30000'],
    ['--heartbeat.intervalMs=0'],
    ['--trusted-ranges=10.0.0.1/8'],
    ['--trusted-ranges=everywhere'],
    ['--limits.peers=0'],
    ['--limits.peers=1.5'],
    ['--metadata=localhost:8081'],
    ['--port=65536'],
  ])('%s: refused', flag => {
    expect(() => configOf(flag)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^EVA_(USAGE|CONFIG_INVALID)$/) }))
  })
})
