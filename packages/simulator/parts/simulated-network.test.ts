// Links: how long bytes take, how flows share an uplink, and what a partition swallows.
// Not connections: simulated-connection.test.ts.

import { expect, test } from 'vitest'
import { VirtualClock } from '../virtual-clock.ts'
import { BlockFlow, type SendingManner } from './block-flow.ts'
import { type Host, type LinkPlan, type Parcel, SimulatedNetwork } from './simulated-network.ts'

const CHUNK_BYTES = 65_536
const shape = { fileSize: CHUNK_BYTES, chunkSize: CHUNK_BYTES, chunkCount: 1 }
const link: LinkPlan = { upBytesPerSecond: 65_536, downBytesPerSecond: 655_360, latencyMs: 10 }

function aNetwork() {
  const clock = new VirtualClock()
  const network = new SimulatedNetwork({ clock })
  const server = network.addHost('server', link)
  const askers = ['one', 'two'].map(name => network.addHost(name, link)) as [Host, Host]
  return { clock, network, server, askers }
}

function aFlow(ends: { from: Host; to: Host }, arrived: (parcel: Parcel) => void, manner: Partial<SendingManner> = {}): BlockFlow {
  const run = { songId: 'song-1', shape, chunkId: 0, firstBlock: 0, blockCount: 4 }
  return new BlockFlow({ ends: { ...ends, arrived } }, { run, manner: { isGood: () => true, ...manner } })
}

test('network: a run of four blocks over one link: arrives block by block at the rate of the uplink, after the latency', () => {
  const { clock, network, server, askers } = aNetwork()
  const arrivals: [number, number][] = []
  network.start(aFlow({ from: server, to: askers[0] }, parcel => arrivals.push([parcel.block ?? -1, Math.round(clock.now())])))
  clock.runUntil(10_000)
  // 250 ms up, 20 ms of latency, 25 ms down.
  expect(arrivals).toEqual([
    [0, 295],
    [1, 545],
    [2, 795],
    [3, 1045],
  ])
})

test('network: two flows on one uplink: take turns, so each takes twice as long', () => {
  const { clock, network, server, askers } = aNetwork()
  const ends: number[] = []
  for (const to of askers) network.start(aFlow({ from: server, to }, parcel => parcel.block === 3 && ends.push(Math.round(clock.now()))))
  clock.runUntil(10_000)
  expect(ends).toEqual([1783, 2045])
})

test('network: a stopped flow: leaves the uplink to the other and tells nothing more', () => {
  const { clock, network, server, askers } = aNetwork()
  const first = aFlow({ from: server, to: askers[0] }, () => expect.fail('the stopped flow arrived'))
  let endedAt = 0
  network.start(first)
  network.start(aFlow({ from: server, to: askers[1] }, () => (endedAt = clock.now())))
  network.stop(first)
  clock.runUntil(10_000)
  expect(Math.round(endedAt)).toBe(1295)
})

test('network: a flow that is to stop a byte before the end: delivers all other bytes and never the last block', () => {
  const { clock, network, server, askers } = aNetwork()
  let bytes = 0
  const blocks: number[] = []
  const arrived = (parcel: Parcel) => {
    bytes += parcel.sizeBytes
    if (parcel.block !== undefined) blocks.push(parcel.block)
  }
  network.start(aFlow({ from: server, to: askers[0] }, arrived, { stopBeforeEndBytes: 1 }))
  clock.runUntil(60_000)
  expect([bytes, blocks]).toEqual([CHUNK_BYTES - 1, [0, 1, 2]])
})

test('network: a slow uplink: shows life at least every quarter second', () => {
  const { clock, network, server, askers } = aNetwork()
  server.link = { ...link, upBytesPerSecond: 8192 }
  const times: number[] = []
  network.start(aFlow({ from: server, to: askers[0] }, () => times.push(clock.now())))
  clock.runUntil(60_000)
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0))
  expect(Math.max(...gaps)).toBeLessThanOrEqual(250.001)
  expect(times.length).toBe(32)
})

test('network: hosts in different groups: neither messages nor bytes get through, also not those already under way', () => {
  const { clock, network, server, askers } = aNetwork()
  const heard: string[] = []
  network.start(aFlow({ from: server, to: askers[0] }, () => heard.push('bytes')))
  network.send(askers[0], server, () => heard.push('message'))
  clock.runUntil(5)
  askers[0].group = 1
  network.send(askers[0], server, () => heard.push('message'))
  clock.runUntil(10_000)
  expect(heard).toEqual([])
})

test('network: a flow cut by a short partition: does not go on afterwards, for bytes come in order or not at all', () => {
  const { clock, network, server, askers } = aNetwork()
  const blocks: (number | undefined)[] = []
  network.start(aFlow({ from: server, to: askers[0] }, parcel => blocks.push(parcel.block)))
  clock.runUntil(400)
  askers[0].group = 1
  clock.runUntil(520)
  askers[0].group = 0
  clock.runUntil(10_000)
  expect(blocks).toEqual([0])
})

test('network: a slow downlink and two fast senders: holds them back, so that a stop takes effect within half a second', () => {
  const { clock, network, askers } = aNetwork()
  const receiver = network.addHost('receiver', { ...link, downBytesPerSecond: 16_384 })
  const flows = askers.map(from => aFlow({ from, to: receiver }, () => {}))
  for (const flow of flows) network.start(flow)
  clock.runUntil(1500)
  for (const flow of flows) network.stop(flow)
  expect(receiver.downFreeAt - clock.now()).toBeLessThan(800)
})

test('network: twelve senders on one slow downlink: each shows life at least every two seconds', () => {
  const { clock, network } = aNetwork()
  const receiver = network.addHost('receiver', { ...link, downBytesPerSecond: 32_768 })
  const lastAt = new Map<number, number>()
  let longestMs = 0
  for (let index = 0; index < 12; index++)
    network.start(
      aFlow({ from: network.addHost(`sender-${index}`, link), to: receiver }, () => {
        longestMs = Math.max(longestMs, clock.now() - (lastAt.get(index) ?? 0))
        lastAt.set(index, clock.now())
      }),
    )
  clock.runUntil(60_000)
  expect(lastAt.size).toBe(12)
  expect(longestMs).toBeLessThan(2000)
})

test('network: a far receiver with a slow downlink: is kept busy all the same', () => {
  const { clock, network, server } = aNetwork()
  const receiver = network.addHost('receiver', { ...link, downBytesPerSecond: 16_384, latencyMs: 400 })
  let endedAt = 0
  network.start(
    aFlow({ from: server, to: receiver }, () => {
      endedAt = clock.now()
    }),
  )
  clock.runUntil(60_000)
  // 4 s of bytes, 0.4 s of latency, and what the first parcel takes up.
  expect(endedAt).toBeLessThan(4600)
})
