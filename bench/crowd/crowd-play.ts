// A crowd of EvaStream on shaped links: services on one host, a peer on each other, and a player at each peer that takes all it can get.
// Not a judge, and not the download without a player over loopback (transfer/).
// Invariant: players are started before the word and begin at it together; every process and namespace is gone afterwards.

import { scheduler } from 'node:timers/promises'
import { assert } from '@evastream/core/assert'
import type { PeerPlays, PeerStatus, Play } from '@evastream/protocol/peer-http'
import { eventually } from '@evastream/testkit/eventually'
import type { ServiceProcess } from '../../apps/evastream/demo/service-process.ts'
import type { BenchHost } from '../bench-host.ts'
import { BenchTown } from '../bench-town.ts'
import { inScratchPlace } from '../scratch-place.ts'
import { ShapedNetwork } from '../shaped-network.ts'
import { cpuSecondsOf, peakMemoryBytesOf } from '../transfer/process-figures.ts'
import { type CrowdPlan, hostPlansOf } from './crowd-plan.ts'
import { GatedProcess, gated } from './gated-process.ts'
import { boundSeconds, type CrowdLinks } from './link-bounds.ts'

export type ShapedPlan = Omit<CrowdPlan, 'peerCount' | 'links'> & { readonly links: CrowdLinks }

/** Of the peers that lived to the end. */
export interface CrowdHappened {
  readonly seconds: number
  readonly originSentBytes: number
  readonly cpuSeconds: number
  readonly peakPeerBytes: number
  readonly statuses: readonly PeerStatus[]
  readonly plays: readonly Play[]
}

interface Listener {
  readonly peer: ServiceProcess
  readonly player: GatedProcess
}

/** Services and peers do what they do after a start, and it is not measured. */
const SETTLE_MS = 1500
const READY_TIMEOUT_MS = 10_000
const PLAY_TIMEOUT_MS = 180_000
const OVER_DEADLINE_MS = 30_000

export async function playTogether(plan: ShapedPlan): Promise<CrowdHappened> {
  return inScratchPlace(async directory => {
    const network = await ShapedNetwork.open(hostPlansOf(plan.links))
    try {
      const [host, ...hosts] = network.hosts
      assert(host !== undefined, 'the first host is the origin')
      const town = await BenchTown.open(directory, { host, trackerFlags: [`--origin-copies=${plan.originCopies ?? 1}`] })
      try {
        return await playIn(town, hosts, plan)
      } finally {
        await town.close()
      }
    } finally {
      await network.close()
    }
  })
}

async function playIn(town: BenchTown, hosts: readonly BenchHost[], plan: ShapedPlan): Promise<CrowdHappened> {
  const songId = await town.publish(plan.songBytes)
  const listeners = await Promise.all(hosts.map(host => listenerOn(town, host, songId)))
  try {
    for (const { player } of listeners) await player.says('READY', READY_TIMEOUT_MS)
    await scheduler.wait(SETTLE_MS)
    const processes = [...town.services, ...listeners.map(({ peer }) => peer)]
    const before = { sentBytes: await town.originSentBytes(), cpu: processes.map(cpuSecondsOf) }
    const startedAtMs = performance.now()
    for (const { player } of listeners) player.go()
    const lived = await killSome(town, listeners, plan)
    const ends = await Promise.all(lived.map(({ player }) => player.says('DONE', PLAY_TIMEOUT_MS)))
    for (const { rest } of ends) assert(rest === '0', 'every player got the whole song')
    const cpu = processes.map((process, index) => (process.hasEnded ? 0 : cpuSecondsOf(process) - (before.cpu[index] ?? 0)))
    return {
      seconds: (Math.max(...ends.map(({ atMs }) => atMs)) - startedAtMs) / 1000,
      originSentBytes: (await town.originSentBytes()) - before.sentBytes,
      cpuSeconds: cpu.reduce((sum, seconds) => sum + seconds, 0),
      peakPeerBytes: Math.max(...lived.map(({ peer }) => peakMemoryBytesOf(peer))),
      plays: await Promise.all(lived.map(({ peer }) => playOf(town, peer))),
      statuses: await Promise.all(lived.map(({ peer }) => town.status(peer))),
    }
  } finally {
    await Promise.all(listeners.map(({ player }) => player.end()))
  }
}

async function listenerOn(town: BenchTown, host: BenchHost, songId: string): Promise<Listener> {
  const peer = await town.startPeer(host.name, { host })
  const curl = ['curl', '-sSf', '--max-time', String(PLAY_TIMEOUT_MS / 1000), '-o', '/dev/null', `${peer.url}/stream/${songId}.mp3`]
  return { peer, player: new GatedProcess({ name: `the player of ${host.name}`, command: gated(curl), through: host.through }) }
}

/** @returns those who are left. */
async function killSome(town: BenchTown, listeners: readonly Listener[], plan: ShapedPlan): Promise<readonly Listener[]> {
  const { killedCount = 0, songBytes, links } = plan
  if (killedCount === 0) return listeners
  await scheduler.wait((boundSeconds(songBytes, links, 1) * 1000) / 2)
  await Promise.all(listeners.slice(0, killedCount).map(({ peer }) => town.killPeer(peer)))
  return listeners.slice(killedCount)
}

/** The play is over when the player has opened no other connection for a while. */
async function playOf(town: BenchTown, peer: ServiceProcess): Promise<Play> {
  const played = async () => ((await town.ask(peer, '/api/plays')) as PeerPlays).plays.find(({ isOver }) => isOver)
  return eventually(`${peer.name} says how its play went`, played, { deadlineMs: OVER_DEADLINE_MS, intervalMs: 200 })
}
