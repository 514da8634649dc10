// This node's standing with the tracker: registers, stays alive by heartbeats, and starts over when it was forgotten.
// Not the announcing of chunks (chunk-announcer.ts), which it tells when to begin anew.
// Invariant: nothing but a clear refusal at the start ends it; a tracker that is down costs one line and is tried until it is back.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { PeerId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import type { Timers } from '@evastream/service-kit/system-clock'
import type { NodeLog } from '../ports.ts'
import { RetryPace } from '../retry-pace.ts'

export interface RegistrationRequest {
  readonly peerId: PeerId
  readonly port: number
  readonly host?: string
  readonly token?: string
  /** So that a tracker that did not know this node does not count what came before. */
  readonly traffic?: Pick<HeartbeatStats, 'originBytes' | 'peerBytes' | 'sentBytes'>
}

export interface RegistrationReply {
  readonly token: string
  readonly bootId: string
  readonly heartbeatIntervalMs: number
  /** Under which address others are told to find this node. */
  readonly observedHost: string
}

/** Totals since this process started. */
export interface HeartbeatStats {
  readonly originBytes: number
  readonly peerBytes: number
  readonly sentBytes: number
  /** Requests to the origin without a lease, to be in time. */
  readonly overrides: number
  /** As measured; absent while nothing was sent. */
  readonly uplinkBytesPerSecond?: number
}

/** The tracker as a session needs it; a TrackerClient is one. */
export interface SessionTracker {
  register(request: RegistrationRequest, signal?: AbortSignal): Promise<RegistrationReply>
  heartbeat(stats: HeartbeatStats, signal?: AbortSignal): Promise<{ readonly bootId: string }>
  deregister(signal?: AbortSignal): Promise<void>
}

export interface TrackerSessionDeps {
  readonly tracker: SessionTracker
  readonly tokens: { read(): Promise<string | undefined>; write(token: string): Promise<void> }
  readonly timers: Pick<Timers, 'after'>
  readonly random: Random
  readonly log: NodeLog
  stats(): HeartbeatStats
  /** The tracker knows this node, maybe anew: it should be told everything that is held. */
  registered(): void
  /** The tracker has forgotten this node: there is no use in telling it anything until `registered`. */
  forgotten(): void
}

export interface TrackerSessionOptions {
  readonly peerId: PeerId
  /** Where the upload server listens. */
  readonly port: number
  readonly host?: string
}

/** Leaving politely is worth this much time at a stop. */
const DEREGISTER_TIMEOUT_MS = 2 * SECOND_MS

export class TrackerSession {
  readonly #deps: TrackerSessionDeps
  readonly #options: TrackerSessionOptions
  readonly #pace: RetryPace
  readonly #renewalPace: RetryPace
  readonly #abort = new AbortController()
  #registration: RegistrationReply | undefined
  /** Renewed since the last heartbeat that was answered. */
  #isRenewed = false
  #renewalPauseMs = 0
  /** Ends the wait for the next heartbeat or try. */
  #hurry: () => void = () => undefined
  #life: Promise<void> = Promise.resolve()

  constructor(deps: TrackerSessionDeps, options: TrackerSessionOptions) {
    this.#deps = deps
    this.#options = options
    this.#pace = new RetryPace(deps, { subject: 'Keeping in touch with the tracker' })
    this.#renewalPace = new RetryPace(deps, { subject: 'Staying known to the tracker' })
  }

  get isRegistered(): boolean {
    return this.#registration !== undefined
  }

  /** Under which address the tracker lists this node; undefined while it does not. */
  get observedHost(): string | undefined {
    return this.#registration?.observedHost
  }

  /** Tries to register once, then goes on by itself. @throws EvaError `EVA_PEER_ID_TAKEN`, or another refusal that waiting cannot cure. */
  async start(): Promise<void> {
    const failure = await this.#register().then(() => undefined, toEvaError)
    if (failure !== undefined && isRefusal(failure)) throw failure
    this.#life = this.#live(failure === undefined ? this.#nextBeatMs : this.#pace.failed(failure))
  }

  /**
   * Somebody else heard from the tracker that it does not know this node: it registers at once the first time, and after growing
   * pauses with a tracker that accepts every registration and knows nothing of it a moment later.
   */
  renew(): void {
    if (this.#registration === undefined) return
    this.#forget()
    const error = new EvaError('EVA_PEER_UNKNOWN', { details: { peerId: this.#options.peerId } })
    this.#renewalPauseMs = this.#isRenewed ? this.#renewalPace.failed(error) : 0
    this.#isRenewed = true
    this.#hurry()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#life
    if (this.#registration === undefined) return
    const failure = await this.#deps.tracker.deregister(AbortSignal.timeout(DEREGISTER_TIMEOUT_MS)).then(() => undefined, toEvaError)
    if (failure !== undefined) this.#deps.log.debug({ code: failure.code }, 'The tracker was not told of the end; it will notice.')
  }

  async #live(firstPauseMs: number): Promise<void> {
    for (let pauseMs = firstPauseMs; !this.#abort.signal.aborted; ) {
      if (pauseMs > 0) await this.#wait(pauseMs)
      if (this.#renewalPauseMs > 0) await this.#wait(this.#renewalPauseMs)
      this.#renewalPauseMs = 0
      if (this.#abort.signal.aborted) return
      pauseMs = await this.#step()
    }
  }

  /** Does what is due. @returns how long to wait for the next step. */
  async #step(): Promise<number> {
    try {
      if (this.#registration === undefined) await this.#register()
      else await this.#beat(this.#registration)
      this.#pace.succeeded()
      return this.#nextBeatMs
    } catch (thrown) {
      const error = toEvaError(thrown)
      if (this.#abort.signal.aborted) return 0
      if (isForgotten(error) && this.#registration !== undefined) {
        this.#forget()
        return 0
      }
      return Math.min(this.#pace.failed(error), this.#registration?.heartbeatIntervalMs ?? Number.POSITIVE_INFINITY)
    }
  }

  /** At once when there is no registration to keep alive. */
  get #nextBeatMs(): number {
    return this.#registration?.heartbeatIntervalMs ?? 0
  }

  async #register(): Promise<void> {
    const token = await this.#deps.tokens.read()
    const { originBytes, peerBytes, sentBytes } = this.#deps.stats()
    const traffic = { originBytes, peerBytes, sentBytes }
    const request = { ...this.#options, ...(token === undefined ? {} : { token }), traffic }
    const registration = await this.#deps.tracker.register(request, this.#abort.signal)
    if (registration.token !== token) await this.#keepToken(registration.token)
    this.#registration = registration
    this.#deps.registered()
  }

  async #keepToken(token: string): Promise<void> {
    const failure = await this.#deps.tokens.write(token).then(() => undefined, toEvaError)
    if (failure === undefined) return
    const { code, message } = failure
    this.#deps.log.warn({ code }, `The token of this peer id cannot be kept, so a restart may have to wait: ${message}`)
  }

  async #beat({ bootId }: RegistrationReply): Promise<void> {
    const reply = await this.#deps.tracker.heartbeat(this.#deps.stats(), this.#abort.signal)
    // Another life of the tracker, which took this node's word for who it is but holds nothing of what it was told.
    if (reply.bootId !== bootId) this.#forget()
    this.#isRenewed = false
    this.#renewalPace.succeeded()
  }

  #forget(): void {
    if (this.#registration === undefined) return
    this.#registration = undefined
    this.#deps.forgotten()
  }

  async #wait(durationMs: number): Promise<void> {
    const wait = new AbortController()
    const end = () => wait.abort()
    this.#hurry = end
    this.#abort.signal.addEventListener('abort', end, { once: true })
    await this.#pace.pause(durationMs, wait.signal)
    this.#abort.signal.removeEventListener('abort', end)
  }
}

function isForgotten({ code }: EvaError): boolean {
  return code === 'EVA_PEER_UNKNOWN' || code === 'EVA_TOKEN_REJECTED' || code === 'EVA_TOKEN_REQUIRED'
}

/** The tracker answered, and it will answer the same until somebody changes something here. */
function isRefusal(error: EvaError): boolean {
  return error.code === 'EVA_PEER_ID_TAKEN' || (error.blames === 'caller' && !error.retryable)
}
