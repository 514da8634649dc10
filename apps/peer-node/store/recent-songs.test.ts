// The order of last use: as it was told, as it is read back, and without its file.
// Not what is evicted by it.
// Invariant: every order is compared whole.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSongId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RecentSongs } from './recent-songs.ts'

const all = ['a', 'b', 'c', 'd'].map(parseSongId)
const clock = fakeClock(0)
let directory = ''

async function openRecent(...usedIds: string[]): Promise<RecentSongs> {
  const recent = await RecentSongs.open({ timers: clock }, { directory })
  for (const songId of usedIds) recent.used(parseSongId(songId))
  return recent
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-recent-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe('recent songs', () => {
  it('songs used, some of them again: the least recently used come first, those never used before all', async () => {
    const recent = await openRecent('c', 'a', 'c', 'c')
    expect(recent.inOrder(all)).toEqual(['b', 'd', 'a', 'c'])
    expect(recent.inOrder(all.slice(1, 3))).toEqual(['b', 'c'])
    await recent.close()
  })

  it('a restart: keeps the order, also after a crash that came a while later', async () => {
    const first = await openRecent('c', 'a')
    clock.advance(10_000)
    await first.close()
    expect(clock.pendingCount).toBe(0)
    const second = await openRecent('d')
    expect(second.inOrder(all)).toEqual(['b', 'c', 'a', 'd'])
    await second.close()
    expect((await openRecent()).inOrder(all)).toEqual(['b', 'c', 'a', 'd'])
    expect(await readdir(directory)).toEqual(['recent-songs'])
  })

  it('one song used all the time: is written once', async () => {
    const recent = await openRecent('a')
    clock.advance(10_000)
    for (let time = 0; time < 5; time++) recent.used(parseSongId('a'))
    expect(clock.pendingCount).toBe(0)
    await recent.close()
  })

  it('a spoiled file: what is no song id in it is ignored', async () => {
    await writeFile(join(directory, 'recent-songs'), '\u0000\nb\n../x\n\na')
    expect((await openRecent()).inOrder(all)).toEqual(['c', 'd', 'b', 'a'])
  })

  it('songs that are gone: are forgotten', async () => {
    const recent = await openRecent('d', 'a')
    recent.retain([parseSongId('a')])
    expect(recent.inOrder(all)).toEqual(['b', 'c', 'd', 'a'])
    await recent.close()
  })

  it('a directory that cannot be written: costs the order and nothing else', async () => {
    const recent = await openRecent('b')
    await rm(directory, { recursive: true })
    await recent.close()
    expect(recent.inOrder(all)).toEqual(['a', 'c', 'd', 'b'])
  })
})
