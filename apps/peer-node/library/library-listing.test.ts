import { EvaError } from '@evastream/core/errors'
import type { ListQuery, SongList } from '@evastream/protocol/metadata-http'
import { describe, expect, it } from 'vitest'
import { listLibrary } from './library-listing.ts'

function summary(id: string): SongList['songs'][number] {
  return { id, title: id, fileSize: 1, chunkSize: 16_384, chunkCount: 1 }
}

function listing(pageOf: (wanted: ListQuery) => SongList, known: readonly string[] = []) {
  const asked: ListQuery[] = []
  const metadata = {
    listSongs: async (wanted: ListQuery) => {
      asked.push(wanted)
      return pageOf(wanted)
    },
  }
  const songs = listLibrary({ metadata, log: { info: () => {} }, knownSongs: () => known.map(summary) })
  return { asked, ids: songs.then(list => list.map(({ id }) => id)) }
}

describe('library listing', () => {
  it('several pages: are followed to the last', async () => {
    const { asked, ids } = listing(({ cursor }) =>
      cursor === undefined ? { songs: [summary('a')], nextCursor: 'x' } : { songs: [summary('b')] },
    )
    expect(await ids).toEqual(['a', 'b'])
    expect(asked).toEqual([{ limit: 200 }, { limit: 200, cursor: 'x' }])
  })

  it('pages without end: ends at 10,000 songs', async () => {
    let count = 0
    const page = () => ({ songs: Array.from({ length: 201 }, () => summary(`s${count++}`)), nextCursor: 'more' })
    const { asked, ids } = listing(page)
    expect(await ids).toHaveLength(10_000)
    expect(asked).toHaveLength(50)
  })

  it('a service that goes silent midway: what it told, then what is known here, each once', async () => {
    const page = ({ cursor }: ListQuery) => {
      if (cursor !== undefined) throw new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: 'metadata service' } })
      return { songs: [summary('a'), summary('b')], nextCursor: 'x' }
    }
    expect(await listing(page, ['b', 'c']).ids).toEqual(['a', 'b', 'c'])
  })

  it('a service that answers: a song known here that it does not list any more is not listed', async () => {
    expect(await listing(() => ({ songs: [summary('a')] }), ['gone']).ids).toEqual(['a'])
  })
})
