import { parseSongId } from '@evastream/core/ids'
import { aSongState } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import { SongTable } from './song-table.ts'

const named = (name: string, changes: Parameters<typeof aSongState>[0] = {}) => aSongState({ songId: parseSongId(name), ...changes })
const activeIds = (table: SongTable) => [...table.active()].map(({ songId }) => songId)

describe('song table', () => {
  test('songs added: found by id, and listed', () => {
    const table = new SongTable()
    const song = named('a')
    table.add(song)
    table.add(named('b'))
    expect(table.get(song.songId)).toBe(song)
    expect([...table.all()].map(({ songId }) => songId)).toEqual(['a', 'b'])
  })

  test('a song removed: gone', () => {
    const table = new SongTable()
    const song = named('a')
    table.add(song)
    table.delete(song.songId)
    expect(table.get(song.songId)).toBeUndefined()
    expect(activeIds(table)).toEqual([])
  })

  test('songs with nothing to do: not active', () => {
    const table = new SongTable()
    table.add(named('idle', { interest: 'idle' }))
    table.add(named('complete', { heldChunkIds: [0, 1, 2, 3, 4, 5, 6, 7] }))
    table.add(named('wanting'))
    expect(activeIds(table)).toEqual(['wanting'])
  })

  test('a song gets something to do: active from then on, and no longer once it is done', () => {
    const table = new SongTable()
    const song = named('a', { interest: 'idle' })
    table.add(song)
    song.interest = 'seed'
    table.changed(song)
    expect(activeIds(table)).toEqual(['a'])
    song.interest = 'idle'
    table.changed(song)
    expect(activeIds(table)).toEqual([])
  })

  test('a song that is not wanted but has a chunk in progress: active', () => {
    const table = new SongTable()
    const song = named('a', { interest: 'idle' })
    song.startChunk(0, 0)
    table.add(song)
    expect(activeIds(table)).toEqual(['a'])
  })

  test('a song that was removed changes: it does not come back', () => {
    const table = new SongTable()
    const song = named('a')
    table.add(song)
    table.delete(song.songId)
    table.changed(song)
    expect(activeIds(table)).toEqual([])
  })

  test('a song had its turn: the others come before it', () => {
    const table = new SongTable()
    for (const name of ['a', 'b', 'c']) table.add(named(name))
    const [first] = table.active()
    if (first !== undefined) table.hadTurn(first)
    expect(activeIds(table)).toEqual(['b', 'c', 'a'])
  })

  test('a song that is not active had its turn: nothing changes', () => {
    const table = new SongTable()
    table.add(named('a'))
    table.hadTurn(named('x'))
    expect(activeIds(table)).toEqual(['a'])
  })
})
