// Connections between a peer that asks and one that serves: dialling, lists, sending, slots and every way to end.
// Not whole peers: simulation.test.ts.

import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { expect, test } from 'vitest'
import { VirtualClock } from '../virtual-clock.ts'
import { type ArrivalTeller, ArrivingChunks } from './arriving-chunks.ts'
import { ChunkBuffer } from './chunk-buffer.ts'
import { linkOfAdversary, type Manner, SimulatedAdversary } from './simulated-adversary.ts'
import type { AskingEnd } from './simulated-connection.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { SimulatedStore } from './simulated-store.ts'
import { SimulatedUploads } from './simulated-uploads.ts'
import { Switchboard } from './switchboard.ts'

const songId = parseSongId('song-1')
const peerId = parsePeerId('peer-1')
const link = { upBytesPerSecond: 1_000_000, downBytesPerSecond: 1_000_000, latencyMs: 10 }
const shape = { fileSize: 40_000, chunkSize: 40_000, chunkCount: 1 }
const run = { songId, shape, chunkId: 0, firstBlock: 0, blockCount: 3, priority: 'play' } as const

function aMeeting(options: { slotsMax?: number; manner?: Manner } = {}) {
  const clock = new VirtualClock()
  const network = new SimulatedNetwork({ clock })
  const switchboard = new Switchboard({ clock, network })
  const heard: string[] = []
  const store = new SimulatedStore()
  store.save(songId, 0, true)
  const host = network.addHost('peer-1', options.manner === undefined ? link : linkOfAdversary(options.manner, link))
  const teller: ArrivalTeller = {
    arriving: arrival => honest.announceArriving(arrival),
    arrivalEnded: (song, chunkId) => honest.retract(song, chunkId),
  }
  const arrivals = new ArrivingChunks({ teller })
  const owner = {
    clock,
    arrivals,
    relayed: (_request: unknown, block: number) => heard.push(`relayed ${block}`),
    host,
    peerId,
    store,
    busy: () => {},
    uplinkBytesPerSecond: () => undefined,
    foundRotten: () => heard.push('rot found'),
    uploading: (count: number) => heard.push(`uploading ${count}`),
    sent: () => {},
  }
  const honest: SimulatedUploads = new SimulatedUploads({ owner }, { slotsMax: options.slotsMax ?? 2 })
  const adversaryDeps = { clock, random: seededRandom(1), host, sent: () => {} }
  const songs = [{ songId, shape }]
  const server = options.manner === undefined ? honest : new SimulatedAdversary(adversaryDeps, { peerId, manner: options.manner, songs })
  switchboard.plugIn(server)
  const asker: AskingEnd = {
    host: network.addHost('asker', link),
    opened: () => heard.push('opened'),
    listed: (_connection, _songId, chunkIds) => heard.push(`listed ${chunkIds.join()}`),
    has: () => heard.push('has'),
    lacks: () => heard.push('lacks'),
    arriving: (_connection, _songId, chunks) => heard.push(`arriving ${chunks.map(({ chunkId, blocks }) => `${chunkId}: ${blocks}`)}`),
    received: (requestId, { block, isGood }) => heard.push(`${requestId}: ${block ?? 'part'} ${isGood ? 'good' : 'bad'}`),
    rejected: (requestId, code) => heard.push(`${requestId}: ${code}`),
    lost: (_connection, code) => heard.push(`lost ${code}`),
  }
  const connection = switchboard.dial(asker, peerId)
  return { clock, network, switchboard, store, honest, server, asker, connection, heard, arrivals }
}

test('connection: dialled, subscribed and asked: opens after two round trips, lists what is held, and sends every block', () => {
  const { clock, connection, heard } = aMeeting()
  clock.runUntil(79)
  expect(heard).toEqual([])
  clock.runUntil(80)
  expect(heard).toEqual(['opened'])
  connection.subscribe(songId)
  connection.ask({ ...run, requestId: 1 })
  clock.runUntil(1000)
  expect(heard).toEqual(['opened', 'uploading 1', 'listed 0', '1: 0 good', '1: 1 good', '1: 2 good'])
})

test('connection: one slot and two requests: the second is sent once the first was acknowledged, and a cancel frees the slot', () => {
  const { clock, connection, heard } = aMeeting({ slotsMax: 1 })
  clock.runUntil(80)
  for (const requestId of [1, 2, 3]) connection.ask({ ...run, requestId })
  connection.cancel(1)
  clock.runUntil(1000)
  const blocks = heard.filter(line => line.includes(': '))
  expect(blocks).toEqual(['2: 0 good', '2: 1 good', '2: 2 good', '3: 0 good', '3: 1 good', '3: 2 good'])
  expect(heard.filter(line => line.startsWith('uploading'))).toEqual(['uploading 1', 'uploading 1', 'uploading 1'])
})

test('connection: a chunk that is not there, or rotten: is refused, and the rot is found', () => {
  const { clock, connection, store, heard } = aMeeting()
  clock.runUntil(80)
  store.rot(songId, 0)
  connection.ask({ ...run, requestId: 1 })
  clock.runUntil(200)
  store.drop(songId, 0)
  connection.ask({ ...run, requestId: 2 })
  clock.runUntil(1000)
  expect(heard).toEqual(['opened', 'uploading 1', 'rot found', '1: EVA_PEER_CHUNK_MISSING', '2: EVA_PEER_CHUNK_MISSING', 'lacks'])
})

/** A chunk of three blocks, unless it has more, that is on its way to the server. */
function anArrival(options: { slotsMax?: number; blockCount?: number } = {}) {
  const meeting = aMeeting(options)
  const { clock, store, arrivals, connection, heard } = meeting
  store.drop(songId, 0)
  const buffer = new ChunkBuffer(songId, 0)
  arrivals.begun(buffer)
  const verify = (block: number) => {
    buffer.put(block, { isGood: true, sizeBytes: 16_384, isVerified: true })
    arrivals.grown(songId, 0, buffer.count === (options.blockCount ?? 3))
  }
  clock.runUntil(80)
  connection.subscribe(songId)
  clock.runUntil(120)
  heard.length = 0
  return { ...meeting, verify }
}

test('connection: a chunk that is on its way: each block is handed on as it verifies, and the slot is another’s meanwhile', () => {
  const { clock, connection, heard, verify, store, arrivals } = anArrival({ slotsMax: 1 })
  connection.ask({ ...run, requestId: 1 })
  connection.ask({ ...run, requestId: 2, firstBlock: 1, blockCount: 1 })
  clock.runUntil(300)
  expect(heard).toEqual([])
  verify(0)
  clock.runUntil(400)
  expect(heard).toEqual(['uploading 1', 'arriving 0: 0', 'relayed 0', '1: 0 good'])
  heard.length = 0
  verify(1)
  clock.runUntil(600)
  expect(heard.filter(line => /^\d/.test(line))).toEqual(['1: 1 good', '2: 1 good'])
  expect(heard).toContain('arriving 0: 0,1')
  heard.length = 0
  verify(2)
  store.save(songId, 0, true)
  arrivals.ended(songId, 0, true)
  clock.runUntil(800)
  expect(heard).toEqual(['uploading 1', 'relayed 2', '1: 2 good'])
})

test('connection: a chunk that is on its way comes no further: the request ends after 2 s; given up: at once', () => {
  const { clock, connection, heard, verify, arrivals } = anArrival()
  verify(0)
  connection.ask({ ...run, requestId: 1 })
  connection.ask({ ...run, requestId: 2, firstBlock: 2, blockCount: 1 })
  clock.runUntil(2150)
  expect(heard.filter(line => /^\d/.test(line))).toEqual(['1: 0 good'])
  clock.runUntil(2400)
  expect(heard.filter(line => line.includes('BUSY'))).toEqual(['2: EVA_PEER_BUSY', '1: EVA_PEER_BUSY'])
  connection.ask({ ...run, requestId: 3, firstBlock: 1 })
  clock.runUntil(2500)
  heard.length = 0
  arrivals.ended(songId, 0, false)
  clock.runUntil(2600)
  expect(heard).toEqual(['lacks', '3: EVA_PEER_CHUNK_MISSING'])
})

test('connection: a chunk that is on its way: its first block is told at once, and what follows together 100 ms later, other chunks as well', () => {
  const { clock, heard, verify, arrivals } = anArrival({ blockCount: 9 })
  verify(0)
  clock.runUntil(130)
  verify(1)
  clock.runUntil(150)
  expect(heard).toEqual(['arriving 0: 0'])
  verify(4)
  const other = new ChunkBuffer(songId, 1)
  arrivals.begun(other)
  for (const block of [0, 1]) {
    other.put(block, { isGood: true, sizeBytes: 16_384, isVerified: true })
    arrivals.grown(songId, 1, false)
  }
  clock.runUntil(239)
  expect(heard).toEqual(['arriving 0: 0'])
  clock.runUntil(240)
  expect(heard.slice(1)).toEqual(['arriving 0: 0,1,4,1: 0,1'])
})

test('connection: a chunk on its way whose blocks keep coming: is told every 100 ms, not with each of them', () => {
  const { clock, heard, verify } = anArrival({ blockCount: 99 })
  const toldAt: number[] = []
  for (let block = 0; block <= 40; block++) {
    verify(block)
    const told = heard.length
    clock.runUntil(120 + 10 * (block + 1))
    if (heard.length > told) toldAt.push(clock.now())
  }
  // News are on their way for 20 ms.
  expect(toldAt).toEqual([140, 240, 340, 440])
})

test('connection: a chunk of which more blocks came, and that is stored, given up or begun anew before it is told: is not told as arriving', () => {
  for (const isStored of [true, false]) {
    const { clock, heard, verify, arrivals } = anArrival({ blockCount: 9 })
    verify(0)
    verify(1)
    arrivals.ended(songId, 0, isStored)
    clock.runUntil(150)
    expect(heard).toEqual(['arriving 0: 0', ...(isStored ? [] : ['lacks'])])
    arrivals.begun(new ChunkBuffer(songId, 0))
    clock.runUntil(1000)
    expect(heard).toHaveLength(isStored ? 1 : 2)
  }
})

test('connection: news that were told early, with a chunk that went: what comes after them waits 100 ms from there on', () => {
  const { clock, heard, verify, honest } = anArrival({ blockCount: 9 })
  const at = (now: number) => clock.runUntil(now)
  verify(0)
  at(150)
  verify(1)
  at(160)
  honest.retract(songId, 5)
  at(190)
  expect(heard).toEqual(['arriving 0: 0', 'arriving 0: 0,1', 'lacks'])
  verify(2)
  at(279)
  expect(heard).toHaveLength(3)
  at(280)
  expect(heard.slice(3)).toEqual(['arriving 0: 0,1,2'])
})

test('connection: nobody listens: refused after a round trip; the machine is off: unreachable after the dial timeout', () => {
  const refused = aMeeting()
  refused.server.isListening = false
  refused.clock.runUntil(40)
  expect(refused.heard).toEqual(['lost EVA_PEER_UNREACHABLE'])
  const { clock, switchboard, server, asker, heard } = aMeeting()
  switchboard.unplug(server, undefined, true)
  switchboard.dial(asker, peerId)
  clock.runUntil(1999)
  expect(heard).toEqual([])
  clock.runUntil(2000)
  expect(heard).toEqual(['lost EVA_PEER_UNREACHABLE'])
})

test('connection: the server crashes: the asker hears it at once; it loses power: after the ping timeout, and nothing in between', () => {
  for (const isSilent of [false, true]) {
    const { clock, switchboard, server, connection, heard } = aMeeting()
    clock.runUntil(80)
    connection.ask({ ...run, requestId: 1 })
    clock.runUntil(101)
    switchboard.unplug(server, undefined, isSilent)
    clock.runUntil(9000)
    expect(heard.slice(2)).toEqual(isSilent ? [] : ['lost EVA_PEER_CLOSED'])
    clock.runUntil(20_000)
    expect(heard.slice(2)).toEqual([isSilent ? 'lost EVA_PEER_TIMEOUT' : 'lost EVA_PEER_CLOSED'])
  }
})

const manners: [Manner, string[]][] = [
  ['is-not-there', ['lost EVA_PEER_UNREACHABLE']],
  ['mute', ['lost EVA_PEER_TIMEOUT']],
  ['tarpit', ['opened', 'listed 0']],
  ['stalls-at-the-end', ['opened', 'listed 0', '1: 0 good', '1: 1 good', '1: part good']],
  ['sends-bad-bytes', ['opened', 'listed 0', '1: 0 bad', '1: 1 bad', '1: 2 bad']],
  ['is-ever-receiving', ['opened', 'listed ', 'arriving 0: 0,2']],
  ['relays-bad-bytes', ['opened', 'listed ', 'arriving 0: 0,2', '1: 0 bad', '1: 1 bad', '1: 2 bad']],
  ['boasts', ['opened', 'listed 0', '1: EVA_PEER_CHUNK_MISSING']],
  ['always-busy', ['opened', 'listed 0', '1: EVA_PEER_BUSY']],
  ['busy-for-long', ['opened', 'listed 0', '1: EVA_PEER_BUSY']],
  ['breaks-the-protocol', ['opened', 'listed 0', 'lost EVA_PEER_PROTOCOL']],
  ['hangs-up', ['opened', 'listed 0', 'lost EVA_PEER_CLOSED']],
]

test.each(manners)('adversary: one that "%s": does so', (manner, expected) => {
  const { clock, connection, heard } = aMeeting({ manner })
  clock.runUntil(80)
  if (connection.isOpen) connection.subscribe(songId)
  clock.runUntil(300)
  if (connection.isOpen) connection.ask({ ...run, requestId: 1 })
  clock.runUntil(30_000)
  expect(heard).toEqual(expected)
})

test('adversary: one that trickles: sends single bytes for ever; one that wavers: takes its list back and forth', () => {
  const trickle = aMeeting({ manner: 'trickles' })
  trickle.clock.runUntil(80)
  trickle.connection.ask({ ...run, requestId: 1 })
  trickle.clock.runUntil(100_000)
  expect(new Set(trickle.heard.slice(1))).toEqual(new Set(['1: part good']))
  const waver = aMeeting({ manner: 'wavers' })
  waver.clock.runUntil(80)
  waver.connection.subscribe(songId)
  waver.clock.runUntil(2000)
  expect(waver.heard).toEqual(['opened', 'listed 0', 'lacks', 'has', 'lacks', 'has'])
  const forgetful = aMeeting({ manner: 'receives-and-forgets' })
  forgetful.clock.runUntil(80)
  forgetful.connection.subscribe(songId)
  forgetful.clock.runUntil(1250)
  expect(forgetful.heard).toEqual(['opened', 'listed ', 'arriving 0: 0,2', 'lacks', 'arriving 0: 0,2'])
})
