// A plan come alive: clock, network, services, peers and adversaries, joined together and set to start at their times.
// Not the faults (fault-injector.ts) and not the judgement (simulation.ts).
// Invariant: all chance comes from the one random, forked in the plan's order, so one consumer never shifts another's.

import type { PeerId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { linkOfAdversary, RECEIVERS, SimulatedAdversary } from './parts/simulated-adversary.ts'
import { SimulatedMetadata } from './parts/simulated-metadata.ts'
import { SimulatedNetwork } from './parts/simulated-network.ts'
import { SimulatedOrigin } from './parts/simulated-origin.ts'
import { type SchedulerMaker, SimulatedPeer } from './parts/simulated-peer.ts'
import { SimulatedStore } from './parts/simulated-store.ts'
import { SimulatedTracker } from './parts/simulated-tracker.ts'
import { SimulatedTrackerSession } from './parts/simulated-tracker-session.ts'
import { Switchboard } from './parts/switchboard.ts'
import type { SimulationObserver } from './records/simulation-observer.ts'
import { VirtualClock } from './virtual-clock.ts'
import type { AdversaryPlan, WorldPlan } from './worlds/world-plan.ts'

export interface SimulatedWorldDeps {
  readonly random: Random
  readonly makeScheduler: SchedulerMaker
  readonly observer: SimulationObserver
}

const LEASE_TAKER_EVERY_MS = 1000
const LEASE_TAKER_BYTES_PER_SECOND = 12_500_000

export class SimulatedWorld {
  readonly plan: WorldPlan
  readonly clock = new VirtualClock()
  readonly network: SimulatedNetwork
  readonly switchboard: Switchboard
  readonly tracker: SimulatedTracker
  readonly origin: SimulatedOrigin
  readonly peers = new Map<PeerId, SimulatedPeer>()
  readonly #deps: SimulatedWorldDeps

  constructor(deps: SimulatedWorldDeps, options: { readonly plan: WorldPlan; readonly checksHashes: boolean }) {
    const { plan, checksHashes } = options
    this.plan = plan
    this.#deps = deps
    const { clock } = this
    this.network = new SimulatedNetwork({ clock })
    this.switchboard = new Switchboard({ clock, network: this.network })
    const trackerHost = this.network.addHost('tracker', plan.tracker.link)
    const shapes = new Map(plan.songs.map(({ songId, shape }) => [songId, shape] as const))
    this.tracker = new SimulatedTracker(
      {
        clock,
        random: deps.random.fork(),
        network: this.network,
        host: trackerHost,
        isUp: peerId => this.#isUp(peerId),
        told: (peerId, fact) => deps.observer.fact(clock.now(), peerId, fact),
      },
      { shapes, originCopies: plan.tracker.originCopies },
    )
    const origin = this.network.addHost('origin', plan.origin.link)
    this.origin = new SimulatedOrigin({ clock, network: this.network, host: origin }, plan.origin)
    const metadataHost = this.network.addHost('metadata', (plan.metadata ?? plan.tracker).link)
    const metadata = new SimulatedMetadata({ clock, network: this.network, host: metadataHost })
    for (const peerPlan of plan.peers) {
      const host = this.network.addHost(peerPlan.peerId, peerPlan.link)
      const { switchboard, tracker } = this
      const peerDeps = { ...deps, clock, switchboard, tracker, metadata, origin: this.origin, host, random: deps.random.fork() }
      this.peers.set(peerPlan.peerId, new SimulatedPeer(peerDeps, { plan: peerPlan, songs: plan.songs, checksHashes }))
    }
  }

  start(): void {
    for (const peer of this.peers.values()) {
      this.clock.at(peer.plan.joinsAt, () => peer.join())
      if (peer.plan.leavesAt !== undefined) this.clock.at(peer.plan.leavesAt, () => peer.leave())
    }
    for (const adversary of this.plan.adversaries) this.#startAdversary(adversary)
  }

  /** Nobody still wants something, and nobody is still to join. */
  get isComplete(): boolean {
    for (const peer of this.peers.values()) if (peer.plan.joinsAt > this.clock.now() || !peer.isComplete) return false
    return true
  }

  /** Until the world heals it asks for all there is, as one with the best of uplinks, and fetches nothing of it. */
  #takeLeases(session: SimulatedTrackerSession): void {
    if (this.clock.now() >= this.plan.healsAt) return
    for (const { songId, shape } of this.plan.songs) {
      const chunkIds = Array.from({ length: shape.chunkCount }, (_, chunkId) => chunkId)
      const wish = { songId, chunkIds, expectedMs: 0, backlogMs: 0, uplinkBytesPerSecond: LEASE_TAKER_BYTES_PER_SECOND }
      session.askLeases(
        wish,
        () => {},
        () => {},
      )
    }
    this.clock.after(LEASE_TAKER_EVERY_MS, () => this.#takeLeases(session))
  }

  /** Of an adversary nobody knows. */
  #isUp(peerId: PeerId): boolean {
    const peer = this.peers.get(peerId)
    return peer === undefined || peer.process !== undefined
  }

  #startAdversary(plan: AdversaryPlan): void {
    const { clock, switchboard, tracker, network } = this
    const host = network.addHost(plan.peerId, linkOfAdversary(plan.manner, plan.link))
    const sent = () => {}
    const { songs } = this.plan
    const deps = { clock, random: this.#deps.random.fork(), host, sent }
    const adversary = new SimulatedAdversary(deps, { peerId: plan.peerId, manner: plan.manner, songs })
    const session = new SimulatedTrackerSession({ clock, tracker, host, store: everythingOf(this.plan, plan) }, plan)
    clock.at(plan.joinsAt, () => {
      switchboard.plugIn(adversary)
      session.start()
      for (const { songId } of songs) session.addSong(songId)
      if (plan.takesLeases === true) this.#takeLeases(session)
    })
    clock.at(this.plan.healsAt, () => {
      adversary.isListening = false
      session.stop(true)
      switchboard.unplug(adversary, undefined, false)
    })
  }
}

/** What an adversary tells the tracker. */
function everythingOf({ songs }: WorldPlan, { manner }: AdversaryPlan): SimulatedStore {
  const store = new SimulatedStore()
  for (const { songId, shape } of songs) {
    const count = manner === 'boasts' ? shape.chunkCount + 3 : shape.chunkCount
    // Who only receives is listed all the same, or nobody would dial it.
    for (let chunkId = 0; chunkId < (RECEIVERS.has(manner) ? 1 : count); chunkId++) store.save(songId, chunkId, false)
  }
  return store
}
