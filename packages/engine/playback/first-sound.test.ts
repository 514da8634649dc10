import { EngineParts, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import type { SongState } from '../songs/song-state.ts'
import { FirstSound } from './first-sound.ts'

const BLOCK = 16 * 1024
const CHUNK = 16 * BLOCK

function listening(positionBytes: number): { parts: EngineParts; song: SongState; sound: FirstSound } {
  const parts = new EngineParts()
  const song = parts.addSong({ interest: 'idle' })
  song.readerMoved('reader', positionBytes, 0)
  parts.state.songs.changed(song)
  return { parts, song, sound: new FirstSound(parts.state) }
}

describe('first sound', () => {
  test('nobody listens: not waited for', () => {
    const parts = new EngineParts()
    parts.addSong()
    expect(new FirstSound(parts.state).awaited().until).toBe(0)
  })

  test('somebody pressed play and nothing is here: waited for, but not for ever', () => {
    const { parts, sound } = listening(0)
    expect(sound.awaited().until).toBe(1000)
    parts.state.now = 999
    expect(sound.awaited().until).toBe(1000)
    parts.state.now = 1000
    expect(sound.awaited().until).toBe(0)
  })

  test('others bring the song from the origin: waited for a quarter second', () => {
    const { parts, song, sound } = listening(0)
    song.leases.waits.set(1, { holder: undefined, isLeased: true, since: 0, askAgainAt: 0, isInVain: false })
    expect(sound.awaited()).toMatchObject({ until: 250, aloneUntil: 250 })
    parts.state.now = 250
    expect(sound.awaited().until).toBe(0)
  })

  test('the first blocks from there on are here: over', () => {
    const { parts, song, sound } = listening(3 * BLOCK + 5)
    const request = parts.ask(song, fromPeer('anna'))
    for (const block of [0, 1, 2, 3, 4]) parts.desk.blocksArrived(request, { firstBlock: block, blockCount: 1 })
    expect(sound.awaited().until).toBe(1000)
    parts.desk.blocksArrived(request, { firstBlock: 5, blockCount: 1 })
    expect(sound.awaited().until).toBe(0)
  })

  test('the reader reads on, as fast as blocks come: it heard something, and nothing is held back for what it reads next', () => {
    const { parts, song, sound } = listening(0)
    const request = parts.ask(song, fromPeer('anna'))
    parts.desk.blocksArrived(request, { firstBlock: 0, blockCount: 1 })
    parts.desk.blocksArrived(request, { firstBlock: 1, blockCount: 1 })
    song.readerMoved('reader', 2 * BLOCK, 10)
    expect(sound.awaited().until).toBe(0)
    song.readerMoved('reader', 5 * CHUNK, 20)
    expect(sound.awaited().until).toBe(1020)
  })

  test('the bytes cross into a chunk that is held, or end with the song: over as well', () => {
    const { parts, song, sound } = listening(CHUNK - 1)
    song.chunkHeld(1)
    const request = parts.ask(song, fromPeer('anna'), { firstBlock: 15, blockCount: 1 })
    expect(sound.awaited().until).toBe(1000)
    parts.desk.blocksArrived(request, { firstBlock: 15, blockCount: 1 })
    expect(sound.awaited().until).toBe(0)
    song.readerMoved('other', song.shape.fileSize - 1, 0)
    expect(sound.awaited().until).toBe(1000)
    song.chunkHeld(7)
    expect(sound.awaited().until).toBe(0)
  })

  test('somebody only reads ahead: not waited for, and who is heard next to him is', () => {
    const parts = new EngineParts()
    const song = parts.addSong({ interest: 'idle' })
    song.readerMoved('ahead', 5 * CHUNK, 0, false)
    parts.state.songs.changed(song)
    const sound = new FirstSound(parts.state)
    expect(sound.awaited()).toEqual({ until: 0, aloneUntil: 0, startUntil: 0 })
    song.readerMoved('reader', 0, 0)
    expect(sound.awaited().until).toBe(1000)
  })

  test('the reader seeks later on: waited for anew', () => {
    const { parts, song, sound } = listening(0)
    song.chunkHeld(0)
    parts.state.now = 5000
    expect(sound.awaited().until).toBe(0)
    song.readerMoved('reader', 5 * CHUNK, 5000)
    expect(sound.awaited().until).toBe(6000)
  })
})

describe('first sound: what is heard first', () => {
  test('its first blocks are here and the rest is not: the origin is kept for that, for five seconds', () => {
    const { parts, song, sound } = listening(0)
    const request = parts.ask(song, fromPeer('anna'))
    for (const block of [0, 1]) parts.desk.blocksArrived(request, { firstBlock: block, blockCount: 1 })
    expect(sound.awaited()).toMatchObject({ until: 0, startUntil: 5000 })
    parts.state.now = 5000
    expect(sound.awaited().startUntil).toBe(0)
  })

  test('eight blocks are here: the origin is free for the rest', () => {
    const { parts, song, sound } = listening(0)
    const request = parts.ask(song, fromPeer('anna'), { blockCount: 8 })
    for (let block = 0; block < 8; block++) parts.desk.blocksArrived(request, { firstBlock: block, blockCount: 1 })
    expect(sound.awaited().startUntil).toBe(0)
  })
})
