// Checks the look ahead for a song's peers: who was found is dialled at once, and the coordinator's search is answered with it.

import { EvaError } from '@evastream/core/errors'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { type FakeClock, fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { beforeEach, expect, it } from 'vitest'
import type { ListedPeer } from '../ports.ts'
import { PeerScout } from './peer-scout.ts'

const SONG = parseSongId('song-1')
const PEER: ListedPeer = { peerId: parsePeerId('peer-1'), host: '127.0.0.1', port: 9, chunks: [0] }
const signal = new AbortController().signal

let clock: FakeClock
let answers: (readonly ListedPeer[] | EvaError)[]
let askedCount: number
let introduced: ListedPeer[]
let scout: PeerScout

beforeEach(() => {
  clock = fakeClock(0)
  answers = []
  askedCount = 0
  introduced = []
  scout = new PeerScout({
    tracker: {
      getPeers: async () => {
        const answer = answers[askedCount++] ?? []
        if (answer instanceof EvaError) throw answer
        return answer
      },
    },
    clock,
    log: new RecordedLog(),
    introduce: peer => void introduced.push(peer),
  })
})

const settle = () => new Promise(resolve => setImmediate(resolve))

it('peer scout: looks ahead: who is found is introduced, and the search that follows costs no other call', async () => {
  answers = [[PEER]]
  scout.lookAhead(SONG)
  scout.lookAhead(SONG)
  await settle()
  expect([askedCount, introduced]).toEqual([1, [PEER]])
  expect(await scout.getPeers(SONG, signal)).toEqual([PEER])
  expect(askedCount).toBe(1)
  expect(await scout.getPeers(SONG, signal)).toEqual([])
  expect(askedCount).toBe(2)
})

it('peer scout: a search while the look ahead is under way: waits for it', async () => {
  answers = [[PEER]]
  scout.lookAhead(SONG)
  expect(await scout.getPeers(SONG, signal)).toEqual([PEER])
  expect(askedCount).toBe(1)
})

it('peer scout: a look ahead that failed or grew old: the tracker is asked anew', async () => {
  answers = [new EvaError('EVA_SERVICE_UNREACHABLE'), [PEER], [PEER], []]
  scout.lookAhead(SONG)
  expect(await scout.getPeers(SONG, signal)).toEqual([PEER])
  scout.lookAhead(SONG)
  await settle()
  clock.advance(2001)
  expect(await scout.getPeers(SONG, signal)).toEqual([])
  expect(askedCount).toBe(4)
})

it('peer scout: stopped: looks no more', async () => {
  scout.stop()
  scout.lookAhead(SONG)
  await settle()
  expect(askedCount).toBe(0)
})
