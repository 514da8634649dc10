// Makes the faults of a plan happen to a running world, and ends them.
// Not their choice: world-draw.ts and scenario.ts plan them.
// Invariant: whatever a fault changes, its end changes back; after the last end the world is as well as it was planned.

import type { SimulationObserver } from '../records/simulation-observer.ts'
import type { SimulatedWorld } from '../simulated-world.ts'
import type { Fault } from './fault-plan.ts'
import { faultSentence } from './fault-plan.ts'

type FaultOf<Kind extends Fault['kind']> = Extract<Fault, { readonly kind: Kind }>

export class FaultInjector {
  readonly #world: SimulatedWorld
  readonly #observer: SimulationObserver
  #partitionCount = 0

  constructor(deps: { readonly world: SimulatedWorld; readonly observer: SimulationObserver }) {
    this.#world = deps.world
    this.#observer = deps.observer
  }

  start(): void {
    for (const fault of this.#world.plan.faults)
      this.#world.clock.at(fault.at, () => {
        this.#observer.fault(this.#world.clock.now(), faultSentence(fault))
        this.#strike(fault)
      })
  }

  #strike(fault: Fault): void {
    const { tracker, peers, clock } = this.#world
    switch (fault.kind) {
      case 'peer-crash':
        this.#crash(fault)
        return
      case 'peers-killed':
        this.#kill(fault)
        return
      case 'peer-slow':
        this.#slowDown(fault)
        return
      case 'connections-cut':
        peers.get(fault.peerId)?.process?.cutConnections()
        return
      case 'partition':
        this.#partition(fault)
        return
      case 'origin-trouble':
        this.#troubleOrigin(fault)
        return
      case 'tracker-down':
        tracker.isDown = true
        clock.at(fault.until, () => {
          tracker.isDown = false
        })
        return
      case 'tracker-slow':
        tracker.delayMs = fault.delayMs
        clock.at(fault.until, () => {
          tracker.delayMs = 0
        })
        return
      case 'tracker-forgets':
        tracker.forgetEverything()
        return
      case 'disk-failure':
        this.#failDisk(fault)
        return
      case 'rot':
        peers.get(fault.peerId)?.store.rot(fault.songId, fault.chunkId)
        return
      case 'chunk-evicted':
        peers.get(fault.peerId)?.process?.loseChunk(fault.songId, fault.chunkId)
        return
      case 'song-away':
        this.#takeSongAway(fault)
        return
      case 'interest-lost':
        this.#loseInterest(fault)
        return
    }
  }

  #crash(fault: FaultOf<'peer-crash'>): void {
    const peer = this.#world.peers.get(fault.peerId)
    if (peer?.process === undefined) return
    peer.crash(fault)
    this.#world.clock.at(fault.until, () => peer.start())
  }

  #kill({ peerIds, count, isSilent }: FaultOf<'peers-killed'>): void {
    const { peers, origin } = this.#world
    const served = peerIds.filter(peerId => origin.isServing(peerId)).slice(0, Math.ceil(count / 2))
    const victims = [...served, ...peerIds.filter(peerId => !served.includes(peerId))].slice(0, count)
    for (const peerId of victims) peers.get(peerId)?.die(isSilent)
  }

  #slowDown(fault: FaultOf<'peer-slow'>): void {
    const host = this.#world.network.host(fault.peerId)
    const plan = this.#world.peers.get(fault.peerId)?.plan
    if (host === undefined || plan === undefined) return
    const { link } = plan
    host.link = {
      ...link,
      upBytesPerSecond: link.upBytesPerSecond / fault.factor,
      downBytesPerSecond: link.downBytesPerSecond / fault.factor,
    }
    this.#world.clock.at(fault.until, () => {
      host.link = link
    })
  }

  #partition(fault: FaultOf<'partition'>): void {
    const group = ++this.#partitionCount
    this.#moveToGroup(fault, group)
    this.#world.switchboard.muteSevered()
    this.#world.clock.at(fault.until, () => this.#moveToGroup(fault, 0))
  }

  #moveToGroup(fault: FaultOf<'partition'>, group: number): void {
    for (const peerId of fault.peerIds) {
      const host = this.#world.network.host(peerId)
      if (host !== undefined) host.group = group
    }
  }

  #troubleOrigin(fault: FaultOf<'origin-trouble'>): void {
    const { origin, clock } = this.#world
    origin.setTrouble(fault.trouble)
    clock.at(fault.until, () => origin.setTrouble(undefined))
  }

  #failDisk(fault: FaultOf<'disk-failure'>): void {
    const store = this.#world.peers.get(fault.peerId)?.store
    if (store === undefined) return
    store.isFailing = true
    this.#world.clock.at(fault.until, () => {
      store.isFailing = false
    })
  }

  #loseInterest(fault: FaultOf<'interest-lost'>): void {
    const peer = this.#world.peers.get(fault.peerId)
    const planned = peer?.plan.songs.find(song => song.songId === fault.songId)
    const process = peer?.process
    if (planned === undefined || process === undefined) return
    process.setInterest(fault.songId, 'idle')
    this.#world.clock.at(fault.until, () => {
      if (peer?.process === process) process.setInterest(fault.songId, planned.interest)
    })
  }

  #takeSongAway(fault: FaultOf<'song-away'>): void {
    const peer = this.#world.peers.get(fault.peerId)
    const planned = peer?.plan.songs.find(song => song.songId === fault.songId)
    const { process } = peer ?? {}
    if (planned === undefined || process === undefined || !process.hasSong(fault.songId)) return
    process.removeSong(fault.songId)
    this.#world.clock.at(fault.until, () => {
      if (peer?.process === process && !process.hasSong(fault.songId)) process.addSong(fault.songId, planned.interest)
    })
  }
}
