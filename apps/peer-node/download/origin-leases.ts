// Carries the Scheduler's words about origin leases to the tracker, and the tracker's answer back; introduces whom it names.
// Not the decision which chunks are asked for or given back (the engine's lease desk).
// Invariant: every request for leases is answered by one event, also when the tracker fails; nothing is said after `stop`.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { ReportPeer, RequestOriginLeases, ReturnOriginLeases } from '@evastream/engine/commands'
import type { LeasesAnswered, LeasesUnavailable } from '@evastream/engine/events'
import type { Clock, NodeLog, OriginLeaseAnswer, PeerNetworkPort, TrackerPort } from '../ports.ts'

export interface OriginLeasesDeps {
  readonly tracker: Pick<TrackerPort, 'requestOriginLeases' | 'returnOriginLeases' | 'reportPeer'>
  readonly network: Pick<PeerNetworkPort, 'introduce'>
  readonly clock: Clock
  readonly log: Pick<NodeLog, 'debug'>
  readonly feed: (event: LeasesAnswered | LeasesUnavailable) => void
}

export class OriginLeases {
  readonly #deps: OriginLeasesDeps
  readonly #abort = new AbortController()

  constructor(deps: OriginLeasesDeps) {
    this.#deps = deps
  }

  async request({ songId, chunkIds, expectedMs }: RequestOriginLeases): Promise<void> {
    const { tracker, clock, feed } = this.#deps
    const answer = await tracker.requestOriginLeases(songId, { chunkIds, expectedMs }, this.#abort.signal).catch(toEvaError)
    if (this.#abort.signal.aborted) return
    if (answer instanceof EvaError) feed({ kind: 'leases-unavailable', at: clock.now(), songId, code: answer.code })
    else {
      const { granted, originCopies } = answer
      feed({ kind: 'leases-answered', at: clock.now(), songId, granted, waiting: this.#introduced(answer), originCopies })
    }
  }

  /** A lease that the tracker does not hear of ends by itself, after its time. */
  async giveBack({ songId, leaseIds, reason }: ReturnOriginLeases): Promise<void> {
    if (this.#abort.signal.aborted) return
    const failure = await this.#deps.tracker
      .returnOriginLeases(songId, { leaseIds, reason }, this.#abort.signal)
      .then(() => undefined, toEvaError)
    if (failure !== undefined) this.#deps.log.debug({ songId, code: failure.code }, 'Leases could not be given back; they will expire.')
  }

  /** A lease ends with the death of its holder, and the tracker hears of that from us. */
  async report({ peerId, code }: ReportPeer): Promise<void> {
    if (this.#abort.signal.aborted) return
    const failure = await this.#deps.tracker.reportPeer(peerId, code, this.#abort.signal).then(() => undefined, toEvaError)
    if (failure !== undefined) this.#deps.log.debug({ peerId, code: failure.code }, 'The tracker was not told that a peer is gone.')
  }

  stop(): void {
    this.#abort.abort()
  }

  /** Only who may be dialled is named to the Scheduler. */
  #introduced({ waiting }: OriginLeaseAnswer): LeasesAnswered['waiting'] {
    return waiting.map(({ holder, ...wait }) => {
      const isIntroduced = holder !== undefined && this.#deps.network.introduce({ ...holder, chunks: [] })
      return isIntroduced ? { ...wait, holder: holder.peerId } : wait
    })
  }
}
