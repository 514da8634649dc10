// Checks what the operator reads about the folder.

import { parseSongId } from '@evastream/core/ids'
import type { LibraryState } from '@evastream/music-library/song-desk'
import { describe, expect, it } from 'vitest'
import { LibraryTalk } from './library-talk.ts'

const state: LibraryState = { folder: '/m', isBusy: false, fileCount: 2, songCount: 2, pendingCount: 0, missingCount: 0, refused: [] }

function aTalk() {
  const lines: string[] = []
  return { lines, talk: new LibraryTalk({ say: line => void lines.push(line) }, { folder: '/m' }) }
}

describe('library talk', () => {
  it('new songs: are named, up to some of them, and those that were there are not', () => {
    const { lines, talk } = aTalk()
    const song = (title: string, result: 'created' | 'unchanged') => talk.published({ songId: parseSongId('s'), title, result })
    song('Old', 'unchanged')
    for (let index = 0; index < 30; index++) song(`New ${index}`, 'created')
    expect(lines).toEqual([...Array.from({ length: 20 }, (_, index) => `+ New ${index}`), '+ …'])
  })

  it('names and tags: move no cursor and paint nothing', () => {
    const { lines, talk } = aTalk()
    talk.published({ songId: parseSongId('s'), title: 'a\u001b[2Jb', result: 'created' })
    talk.removed('s', 'c\u001b]0;x\u0007.mp3')
    talk.refused('d\n.mp3', 'no')
    talk.away('e\u001b[1m', 'EACCES')
    for (const line of lines) expect(line).not.toMatch(/[\p{Cc}]/u)
  })

  it('where the library stands: is said when it has changed, with what is left out', () => {
    const { lines, talk } = aTalk()
    talk.settled(state)
    talk.settled({ ...state, fileCount: 3 })
    talk.settled({ ...state, songCount: 1, refused: [{ path: 'x', reason: 'y' }] })
    talk.settled({ ...state, songCount: 0, fileCount: 0 })
    talk.settled({ ...state, songCount: 0, awayReason: 'ENOENT' })
    talk.settled({ ...state, awayReason: 'ENOENT' })
    expect(lines).toEqual([
      '2 songs from /m',
      '1 song from /m, 1 left out',
      'There is no music in /m yet. Put songs there, or drop them on the page.',
      '/m has no music that can be seen (ENOENT). Put songs there, or drop them on the page.',
      '2 songs from /m, which cannot be seen now (ENOENT)',
    ])
  })

  it('a folder that is away, or cannot be watched: says which of the two, and what becomes of the songs', () => {
    const { lines, talk } = aTalk()
    talk.away('album', 'EACCES')
    talk.unwatched('ENOSPC')
    expect(lines).toEqual([
      '! /m/album cannot be looked into (EACCES); its songs stay as they are',
      '! Not every change in /m is noticed at once (ENOSPC); it is looked through now and then all the same',
    ])
  })
})
