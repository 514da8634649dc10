// Checks the options' names, defaults and bounds, and what becomes of them.

import { loadConfig } from '@evastream/service-kit/config'
import { describe, expect, it } from 'vitest'
import { preprocessorOptions, publishWish } from './config.ts'

const load = (...argv: string[]) => loadConfig(preprocessorOptions, { argv, env: {} }).values

describe("the preprocessor's options", () => {
  it('options: the input alone: is enough', () => {
    const values = load('--input=song.mp3')
    expect(values).toMatchObject({ storage: 'origin-storage', metadata: 'http://127.0.0.1:8081', data: 'evastream-data/metadata' })
    expect(publishWish(values)).toEqual({
      inputPath: 'song.mp3',
      songId: undefined,
      chunkSize: 262_144,
      storageDir: 'origin-storage',
      overrides: {},
    })
  })

  it('options: no input: is refused by name', () => {
    expect(() => load('--songId=song-1')).toThrow(/--input/)
  })

  it.each(['0', '16383', '4194305', '-1', '1.5', '1e6', 'abc'])('options: the chunk size %s: is refused with its bounds', text => {
    expect(() => load('--input=x', `--chunkSize=${text}`)).toThrow(expect.objectContaining({ code: 'EVA_USAGE' }))
    if (Number.isInteger(Number(text)) && !text.includes('e'))
      expect(() => load('--input=x', `--chunkSize=${text}`)).toThrow(/from 16384 to 4194304/)
  })

  it.each([16_384, 20_001, 4_194_304])('options: the chunk size %i: is taken', chunkSize => {
    expect(publishWish(load('--input=x', `--chunkSize=${chunkSize}`)).chunkSize).toBe(chunkSize)
  })

  it.each(['..', '../../etc/passwd', '.staging-x', 'a/b', 'x'.repeat(129)])('options: the song id %s: is refused', songId => {
    expect(() => load('--input=x', `--songId=${songId}`)).toThrow(expect.objectContaining({ code: 'EVA_USAGE' }))
  })

  it('options: texts that cannot be seen: are refused, others cleaned', () => {
    expect(() => load('--input=x', '--title=\u0007 ')).toThrow(/--title/)
    expect(publishWish(load('--input=x', '--title= A\nB ', '--album=C')).overrides).toEqual({ title: 'A B', album: 'C' })
  })

  it('options: an address that is none: is refused', () => {
    expect(() => load('--input=x', '--metadata=ftp://x')).toThrow(/--metadata/)
  })
})
