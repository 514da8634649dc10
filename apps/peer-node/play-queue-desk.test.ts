import { EvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { songFixture } from '@evastream/testkit/song-fixture'
import { beforeEach, describe, expect, it } from 'vitest'
import { PlayQueueDesk } from './play-queue-desk.ts'

const [a, b, c] = ['a', 'b', 'c'].map(parseSongId) as [SongId, SongId, SongId]
const { manifest } = songFixture()

let told: (readonly string[])[]
let opened: string[]
let gate: Promise<void>
let fault: EvaError | undefined
let desk: PlayQueueDesk

beforeEach(() => {
  told = []
  opened = []
  gate = Promise.resolve()
  fault = undefined
  const openSong = async (songId: SongId) => {
    opened.push(songId)
    await gate
    if (fault !== undefined) throw fault
    if (songId === 'missing') throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    return manifest
  }
  desk = new PlayQueueDesk({ library: { openSong }, coordinator: { setQueue: songIds => told.push(songIds) } })
})

describe('play queue', () => {
  it('an order: opens each song once and tells the engine', async () => {
    expect(await desk.order([a, b, a])).toEqual([a, b, a])
    expect(opened).toEqual([a, b])
    expect(told).toEqual([[a, b, a]])
  })

  it('an unknown song: is refused by its name, and the queue stays as it was', async () => {
    await desk.order([a])
    await expect(desk.order([b, parseSongId('missing')])).rejects.toMatchObject({
      code: 'EVA_SONG_NOT_FOUND',
      details: { songId: 'missing' },
    })
    expect(desk.songIds).toEqual([a])
    expect(told).toEqual([[a]])
  })

  it('a metadata service that is down: the caller may come back later', async () => {
    fault = new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: 'metadata service' } })
    await expect(desk.order([a])).rejects.toMatchObject({ code: 'EVA_NOT_READY', details: { retryAfterMs: 2000 } })
  })

  it('two orders at once: the later stays, however long the earlier one takes', async () => {
    let open = () => {}
    gate = new Promise(resolve => (open = resolve))
    const earlier = desk.order([a])
    gate = Promise.resolve()
    await desk.order([b])
    open()
    expect(await earlier).toEqual([b])
    expect(told).toEqual([[b]])
  })

  it('two orders at once, the later not to be had: the earlier becomes the queue', async () => {
    let open = () => {}
    gate = new Promise(resolve => (open = resolve))
    const earlier = desk.order([a])
    gate = Promise.resolve()
    await expect(desk.order([b, parseSongId('missing')])).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    open()
    expect(await earlier).toEqual([a])
    expect(told).toEqual([[a]])
  })

  it('a song that begins to be played: leaves, with those that were passed over', async () => {
    await desk.order([a, b, c])
    desk.playStarted(a)
    expect(desk.songIds).toEqual([b, c])
    desk.playStarted(c)
    expect(desk.songIds).toEqual([])
    expect(told).toEqual([[a, b, c], [b, c], []])
  })

  it('a song that is not in the queue: changes nothing', async () => {
    await desk.order([a])
    desk.playStarted(b)
    expect(told).toEqual([[a]])
  })

  it('a song that comes again later: is not taken from there by a seek', async () => {
    await desk.order([b, a])
    desk.playStarted(a)
    expect(desk.songIds).toEqual([])
    await desk.order([b, a])
    desk.playStarted(a)
    expect(desk.songIds).toEqual([b, a])
    desk.playStarted(b)
    desk.playStarted(a)
    expect(desk.songIds).toEqual([])
  })
})
