// Checks that the cache answers for the database while nothing changes, and never with what was before a write.

import { describe, expect, it } from 'vitest'
import type { RenderedDocument } from './manifest-rendering.ts'
import { RenderedCache } from './rendered-cache.ts'

const document = (text: string): RenderedDocument => ({ body: Buffer.from(text), digest: text })

/** A database that counts how often it is asked. */
function source(text: string | undefined) {
  const asked = { count: 0 }
  const read = async () => {
    asked.count++
    return text === undefined ? undefined : document(text)
  }
  return { asked, read }
}

describe('rendered cache', () => {
  it('a document: asked for again: is read once', async () => {
    const cache = new RenderedCache()
    const { asked, read } = source('v1')
    for (let round = 0; round < 3; round++) expect((await cache.take('manifest', 'song-1', read))?.digest).toBe('v1')
    expect(asked.count).toBe(1)
  })

  it('kinds and songs: of the same name: are kept apart', async () => {
    const cache = new RenderedCache()
    await cache.take('manifest', 'a', source('m').read)
    expect((await cache.take('blocks', 'a', source('b').read))?.digest).toBe('b')
    expect((await cache.take('manifest', 'b', source('n').read))?.digest).toBe('n')
  })

  it('a missing song: is asked for each time, since it may be published', async () => {
    const cache = new RenderedCache()
    expect(await cache.take('manifest', 'a', source(undefined).read)).toBeUndefined()
    expect((await cache.take('manifest', 'a', source('v1').read))?.digest).toBe('v1')
  })

  it('a write: both kinds of the song are read anew, other songs are not', async () => {
    const cache = new RenderedCache()
    for (const kind of ['manifest', 'blocks'] as const) for (const song of ['a', 'b']) await cache.take(kind, song, source('v1').read)
    cache.forget('a')
    for (const kind of ['manifest', 'blocks'] as const) {
      expect((await cache.take(kind, 'a', source('v2').read))?.digest).toBe('v2')
      expect((await cache.take(kind, 'b', source('v2').read))?.digest).toBe('v1')
    }
  })

  it('a read that was under way during a write: answers its caller and is not kept', async () => {
    const cache = new RenderedCache()
    let arrive: (found: RenderedDocument) => void = () => undefined
    const early = cache.take('manifest', 'a', () => new Promise(resolve => (arrive = resolve)))
    cache.forget('a')
    arrive(document('v1'))
    expect((await early)?.digest).toBe('v1')
    expect((await cache.take('manifest', 'a', source('v2').read))?.digest).toBe('v2')
  })

  it('more than its size: the document used least recently goes', async () => {
    const cache = new RenderedCache({ sizeMaxBytes: 1_500 })
    const big = (text: string) => source(text.padEnd(400))
    for (const song of ['a', 'b', 'a', 'c']) await cache.take('manifest', song, big(song).read)
    const [a, b] = [big('a'), big('b')]
    await cache.take('manifest', 'a', a.read)
    await cache.take('manifest', 'b', b.read)
    expect([a.asked.count, b.asked.count]).toEqual([0, 1])
  })
})
