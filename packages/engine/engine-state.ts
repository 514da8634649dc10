// The tables of the engine and the commands of the event at hand, in one place for the parts that conduct.
// Not a decision maker: it holds, it does not choose.
// Invariant: `now` never goes back, whatever the events say; commands leave in the order in which they were given.

import type { PeerId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { SchedulerCommand, Source } from './commands.ts'
import type { EngineConfig } from './config.ts'
import { CompletionSpread } from './requests/completion-spread.ts'
import { DownloadLimit } from './requests/download-limit.ts'
import { HedgeBudget } from './requests/hedge-budget.ts'
import { RequestTable } from './requests/request-table.ts'
import { SongTable } from './songs/song-table.ts'
import { DeliveryPace } from './sources/delivery-pace.ts'
import { OriginHealth } from './sources/origin-health.ts'
import { OwnLink } from './sources/own-link.ts'
import { PeerHealth } from './sources/peer-health.ts'
import { PeerTable } from './sources/peer-table.ts'

const NOTHING: readonly SchedulerCommand[] = Object.freeze([])

export class EngineState {
  readonly config: EngineConfig
  readonly random: Random
  readonly songs = new SongTable()
  readonly peers: PeerTable
  readonly health: PeerHealth
  readonly origin: OriginHealth
  readonly requests = new RequestTable()
  readonly hedges: HedgeBudget
  readonly limit: DownloadLimit
  /** How fast all sources together deliver: what our own link bears, or what there is to be had. */
  readonly receiving = new DeliveryPace()
  readonly ownLink = new OwnLink()
  readonly spreads = { peer: new CompletionSpread(), origin: new CompletionSpread() }
  /** Who we are to others, where they must come to the same order of all; undefined where nobody else is. */
  readonly ownPeerId: PeerId | undefined
  /** The origin is asked with leases of the tracker. */
  hasLeases: boolean
  now: Millis = 0
  #commands: SchedulerCommand[] = []

  constructor(deps: { readonly random: Random; readonly ownPeerId?: PeerId | undefined }, config: EngineConfig) {
    this.config = config
    this.hasLeases = config.hasLeases
    this.ownPeerId = deps.ownPeerId
    this.random = deps.random
    this.peers = new PeerTable(config)
    this.health = new PeerHealth(config)
    this.origin = new OriginHealth({ random: deps.random.fork() }, config)
    this.hedges = new HedgeBudget(config)
    this.limit = new DownloadLimit(config.downloadLimitBytesPerSecond)
  }

  paceOf(source: Source): DeliveryPace {
    return source.kind === 'origin' ? this.origin.pace : this.health.recordOf(source.peerId).pace
  }

  /** The rate (bytes per second) to expect of a source. */
  rateOf(source: Source): number {
    return source.kind === 'origin'
      ? this.origin.expectedRate(this.now)
      : this.health.expectedRate(this.health.recordOf(source.peerId), this.now)
  }

  /** How much longer than usual to wait for a source (a factor from 1). */
  patienceOf(source: Source): number {
    return source.kind === 'origin' ? this.origin.patience : this.health.patienceOf(source.peerId)
  }

  emit(command: SchedulerCommand): void {
    this.#commands.push(Object.freeze(command))
  }

  takeCommands(): readonly SchedulerCommand[] {
    if (this.#commands.length === 0) return NOTHING
    const commands = this.#commands
    this.#commands = []
    return commands
  }
}
