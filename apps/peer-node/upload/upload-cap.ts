// The cap on what this peer uploads in an hour, a day, a week or a month: counted, remembered over restarts, and renewed with the calendar.
// Not the limit per second (byte-budget.ts), and not the ending of requests (upload-gate.ts tells who must).
// Why it writes ahead: the file says a little more than was sent, up to a hundredth of the cap or a block, so that a crash makes the
// count too high rather than too low; a clean stop writes the exact figure.
// The write is waited for: it is one in a hundredth of the cap, and what left before it would be forgotten by a crash.
// Invariant: within one period no more than `limitBytes` is admitted, whatever crashes and restarts come between.

import { toEvaError } from '@evastream/core/errors'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import type { WallClock } from '@evastream/service-kit/system-clock'
import type { NodeLog } from '../ports.ts'
import { type ByteQuota, periodAt } from './quota-period.ts'
import type { UploadQuota } from './upload-gate.ts'
import type { UploadUsage } from './upload-usage-file.ts'

export interface UploadCapDeps {
  readonly wallClock: WallClock
  readonly file: { read(): Promise<UploadUsage | undefined>; write(usage: UploadUsage): void }
  readonly log: NodeLog
}

export interface UploadCapStatus {
  readonly limitBytes: number
  readonly usedBytes: number
  /** ISO 8601, in UTC. */
  readonly resetsAt: string
}

/** How much is written ahead of what was sent: the more, the fewer writes, and the more a crash costs. */
const AHEAD_RATIO = 0.01

export class UploadCap implements UploadQuota {
  readonly #deps: UploadCapDeps
  readonly #quota: ByteQuota
  readonly #aheadBytes: number
  #usage: UploadUsage
  #isReached = false
  /** What the file says. */
  #keptBytes: number
  #hasWriteFailed = false

  private constructor(deps: UploadCapDeps, { quota, usage }: { readonly quota: ByteQuota; readonly usage: UploadUsage }) {
    this.#deps = deps
    this.#quota = quota
    this.#aheadBytes = Math.max(BLOCK_SIZE_BYTES, Math.round(quota.limitBytes * AHEAD_RATIO))
    this.#usage = usage
    this.#keptBytes = usage.usedBytes
  }

  /** Goes on with what an earlier process left. */
  static async open(deps: UploadCapDeps, quota: ByteQuota): Promise<UploadCap> {
    const now = deps.wallClock.epochMs()
    const period = periodAt(quota.unit, now)
    const kept = await deps.file.read()
    const isOfThisPeriod = kept !== undefined && kept.startsAtMs >= period.startsAtMs && kept.startsAtMs < period.endsAtMs
    const cap = new UploadCap(deps, { quota, usage: { ...period, usedBytes: isOfThisPeriod ? kept.usedBytes : 0 } })
    if (cap.leftBytes < BLOCK_SIZE_BYTES) cap.#reach()
    return cap
  }

  get leftBytes(): number {
    this.#renew()
    return Math.max(0, this.#quota.limitBytes - this.#usage.usedBytes)
  }

  admits(sizeBytes: number): boolean {
    if (sizeBytes > this.leftBytes) this.#reach()
    return !this.#isReached
  }

  spent(sizeBytes: number): void {
    this.#usage = { ...this.#usage, usedBytes: this.#usage.usedBytes + sizeBytes }
    const { usedBytes } = this.#usage
    if (usedBytes <= this.#keptBytes) return
    this.#keep(Math.min(this.#quota.limitBytes, usedBytes + this.#aheadBytes))
  }

  closedForMs(): number {
    this.#renew()
    return this.#isReached ? this.#usage.endsAtMs - this.#deps.wallClock.epochMs() : 0
  }

  status(): UploadCapStatus {
    this.#renew()
    const { usedBytes, endsAtMs } = this.#usage
    return { limitBytes: this.#quota.limitBytes, usedBytes, resetsAt: new Date(endsAtMs).toISOString() }
  }

  /** Writes the exact figure; nothing may be sent any more. */
  close(): void {
    if (this.#keptBytes !== this.#usage.usedBytes) this.#keep(this.#usage.usedBytes)
  }

  /** A clock that was put back within a period's length keeps the count; a longer way, in either direction, starts anew. */
  #renew(): void {
    const now = this.#deps.wallClock.epochMs()
    const { startsAtMs, endsAtMs } = this.#usage
    if (now < endsAtMs && now >= startsAtMs - (endsAtMs - startsAtMs)) return
    this.#usage = { ...periodAt(this.#quota.unit, now), usedBytes: 0 }
    this.#keptBytes = 0
    if (this.#isReached) this.#deps.log.info(this.status(), 'A new period of --upload-cap has begun: uploads go on.')
    this.#isReached = false
  }

  #reach(): void {
    if (this.#isReached) return
    this.#isReached = true
    const status = this.status()
    const { limitBytes, unit } = this.#quota
    const message = `--upload-cap is reached, ${limitBytes} bytes in this ${unit}: nothing more is uploaded until ${status.resetsAt}.`
    this.#deps.log.info(status, message)
  }

  #keep(usedBytes: number): void {
    this.#keptBytes = usedBytes
    const { startsAtMs, endsAtMs } = this.#usage
    try {
      this.#deps.file.write({ startsAtMs, endsAtMs, usedBytes })
      this.#hasWriteFailed = false
    } catch (thrown) {
      const { code, message } = toEvaError(thrown)
      if (!this.#hasWriteFailed) this.#deps.log.warn({ code }, `What was uploaded cannot be kept, so a restart may count anew: ${message}`)
      this.#hasWriteFailed = true
    }
  }
}
