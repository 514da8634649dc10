import { EvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
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
let clock: ReturnType<typeof fakeClock>

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
  clock = fakeClock(0)
  desk = new PlayQueueDesk({ clock, library: { openSong }, coordinator: { setQueue: songIds => told.push(songIds) } })
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

  it('two listeners: neither changes the queue of the other, and the engine hears of both by turns, who ordered last first', async () => {
    await desk.order([a, b], 'ann')
    expect(await desk.order([c, a, b], 'ben')).toEqual([c, a, b])
    expect([desk.songIdsOf('ann'), desk.songIdsOf('ben'), desk.songIdsOf()]).toEqual([[a, b], [c, a, b], []])
    expect(told.at(-1)).toEqual([c, a, a, b, b])
    await desk.order([b], 'ann')
    expect(told.at(-1)).toEqual([b, c, a, b])
    expect(desk.songIds).toEqual([b, c, a, b])
  })

  it('a song begins to be played: a named queue waits for its listener to say what that means', async () => {
    await desk.order([a, b], 'ann')
    desk.playStarted(a)
    expect(desk.songIdsOf('ann')).toEqual([a, b])
  })

  it('listeners that ordered nothing for two hours, and those before the last 64: are forgotten', async () => {
    await desk.order([a], 'gone')
    clock.advance(2 * 3_600_000 + 1)
    await desk.order([b], 'here')
    expect([desk.songIdsOf('gone'), desk.songIdsOf('here')]).toEqual([[], [b]])
    for (let at = 0; at < 64; at++) await desk.order([c], `listener-${at}`)
    expect([desk.songIdsOf('here'), desk.songIdsOf('listener-0')]).toEqual([[], [c]])
  })
})
