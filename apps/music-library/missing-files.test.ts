// Checks when a file that was there is taken for deleted, without a disk: what a look found is written down here.

import { fakeClock } from '@evastream/testkit/fake-clock'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SeenFolder } from './folder-scan.ts'
import { MissingFiles } from './missing-files.ts'

const GRACE_MS = 1_000
const HERE = 1
const ELSEWHERE = 2
const song = { path: 'artist/album/a.mp3', device: HERE }

let clock = fakeClock()
let missing = new MissingFiles({ clock }, { graceMs: GRACE_MS })
beforeEach(() => {
  clock = fakeClock()
  missing = new MissingFiles({ clock }, { graceMs: GRACE_MS })
})

function seen({ directories = {}, unreadable = [] }: { directories?: Record<string, number>; unreadable?: string[] }): SeenFolder {
  return {
    kind: 'seen',
    files: new Map(),
    directories: new Map(Object.entries(directories)),
    unreadable: new Map(unreadable.map(path => [path, 'EACCES'])),
  }
}

function overdueAfterGrace(folder: SeenFolder): string[] {
  missing.note([song], folder)
  clock.advance(GRACE_MS)
  missing.note([song], folder)
  return missing.overdue()
}

describe('missing files', () => {
  it.each([
    ['its directory is there', seen({ directories: { '': HERE, artist: HERE, 'artist/album': HERE } })],
    ['its directory is gone from the same volume', seen({ directories: { '': HERE, artist: HERE } })],
    ['all directories but the folder are', seen({ directories: { '': HERE } })],
  ])('a file that is away, and %s: is taken for deleted after the grace time', (_, folder) => {
    missing.note([song], folder)
    clock.advance(GRACE_MS - 1)
    expect([missing.overdue(), missing.count, missing.nextInMs()]).toEqual([[], 1, 1])
    expect(overdueAfterGrace(folder)).toEqual([song.path])
    missing.forget(song.path)
    expect([missing.count, missing.nextInMs()]).toEqual([0, undefined])
  })

  it.each([
    ['its directory cannot be read', seen({ directories: { '': HERE, artist: HERE }, unreadable: ['artist/album'] })],
    ['one above it cannot be read', seen({ directories: { '': HERE }, unreadable: ['artist'] })],
    ['it cannot be looked at itself', seen({ directories: { '': HERE, artist: HERE, 'artist/album': HERE }, unreadable: [song.path] })],
    ['its directory is on another volume now', seen({ directories: { '': HERE, artist: HERE, 'artist/album': ELSEWHERE } })],
    ['what is left is on another volume', seen({ directories: { '': ELSEWHERE } })],
    ['nothing was seen', seen({})],
  ])('a file that is away, and %s: is never taken for deleted', (_, folder) => {
    expect([overdueAfterGrace(folder), missing.count]).toEqual([[], 0])
  })
})
