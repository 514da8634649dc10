// The listener's switch between sharing, only receiving, and keeping to oneself: turned while everything runs.
// Not the parts that it starts and stops (sharing-parts.ts).
// Invariant: one change at a time; what is to be given less is so at once, and a change that fails to give more leaves things as they were.

import type { TrackerSession } from '../tracker/tracker-session.ts'
import type { SharingChoice } from './sharing-choice.ts'
import type { SharingMode } from './sharing-mode.ts'

export interface SharingSwitchDeps {
  readonly choice: SharingChoice
  readonly uploads: { start(): Promise<number>; stop(): Promise<void> }
  readonly network: { pause(): void; resume(): void }
  readonly announcer: { hold(): void }
  readonly coordinator: { setLeasing(hasLeases: boolean): void }
  readonly scope: { refresh(): Promise<void> }
  /** One life with the tracker, from registering to taking oneself off. */
  makeSession(): Pick<TrackerSession, 'start' | 'renew' | 'stop' | 'observedHost'>
}

export class SharingSwitch {
  readonly #deps: SharingSwitchDeps
  #session: ReturnType<SharingSwitchDeps['makeSession']> | undefined
  /** The last change, or the end. */
  #turn: Promise<void> = Promise.resolve()
  #isEnded = false

  constructor(deps: SharingSwitchDeps) {
    this.#deps = deps
  }

  get mode(): SharingMode {
    return this.#deps.choice.mode
  }

  get isSet(): boolean {
    return this.#deps.choice.isSet
  }

  /** Under which address the tracker knows this node; undefined when it does not. */
  get observedHost(): string | undefined {
    return this.#session?.observedHost
  }

  /** Where others will connect, before the tracker hears of it. @throws EvaError `EVA_PORT_TAKEN`, … */
  async listen(): Promise<void> {
    if (this.mode === 'on') await this.#deps.uploads.start()
    if (this.mode === 'off') this.#deps.network.pause()
  }

  /** @throws EvaError `EVA_PEER_ID_TAKEN`, … */
  async join(): Promise<void> {
    if (this.mode !== 'off') await this.#deps.scope.refresh()
    if (this.mode === 'on') await this.#register()
  }

  /** The tracker has forgotten this node. */
  renew(): void {
    this.#session?.renew()
  }

  /** Turns it now, and for the next start. @throws EvaError as `listen` and `join` do; the mode is then as it was. */
  turn(mode: SharingMode): Promise<void> {
    const turned = this.#turn.then(() => this.#become(mode))
    this.#turn = turned.catch(leftToWhoTurnedIt)
    return turned
  }

  async stop(): Promise<void> {
    this.#isEnded = true
    await this.#turn
    await this.#leave()
  }

  async #become(mode: SharingMode): Promise<void> {
    const { choice, network, coordinator, uploads } = this.#deps
    if (this.#isEnded) return
    const before = choice.mode
    if (mode !== before) {
      choice.mode = mode
      if (before === 'off') network.resume()
      if (mode === 'on') await this.#give(before)
      else if (before === 'on') {
        coordinator.setLeasing(false)
        await Promise.all([this.#leave(), uploads.stop()])
      }
      if (mode === 'off') network.pause()
    }
    await choice.keep(mode)
  }

  async #give(before: SharingMode): Promise<void> {
    const { choice, network, coordinator, uploads } = this.#deps
    try {
      await uploads.start()
      await this.join()
      coordinator.setLeasing(true)
    } catch (thrown) {
      choice.mode = before
      if (before === 'off') network.pause()
      await this.#leave()
      await uploads.stop()
      throw thrown
    }
  }

  async #register(): Promise<void> {
    this.#session = this.#deps.makeSession()
    await this.#session.start()
  }

  /** Nothing is told to the tracker any more, and it is told that. */
  async #leave(): Promise<void> {
    this.#deps.announcer.hold()
    const session = this.#session
    this.#session = undefined
    await session?.stop()
  }
}

/** Whoever turned it hears of the failure; the next one need not. */
function leftToWhoTurnedIt(): undefined {
  return undefined
}
