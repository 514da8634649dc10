// Checks what an operator may write behind `evastream serve`.

import { loadConfig } from '@evastream/service-kit/config'
import { describe, expect, it } from 'vitest'
import { serveOptions } from './serve-options.ts'

const valuesOf = (...argv: string[]) => loadConfig(serveOptions, { argv, env: {} }).values

describe('serve options', () => {
  it.each([
    ['--port=65533', 'from 0 to 65532'],
    ['--port=-1', 'from 0 to 65532'],
    ['--host=0.0.0.0', '--lan finds it'],
    ['--host=::', '--lan finds it'],
    ['--price-per-gb=-1', 'a price like'],
    ['--price-per-gb=cheap', 'a price like'],
    ['--price-per-gb=1e400', 'a price like'],
  ])('%s: is refused, and says what may stand there', (flag, words) => {
    expect(() => valuesOf(flag)).toThrow(words)
  })

  it('a port with room for the three after it, an address and a price: are taken', () => {
    expect(valuesOf('--port=65532', '--host=192.168.1.5', '--price-per-gb=0')).toMatchObject({
      port: 65_532,
      host: '192.168.1.5',
      'price-per-gb': '0',
    })
  })
})
