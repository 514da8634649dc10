// The gate before all uploads: its order, and what passes through it in ten seconds.
import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { ByteBudget } from './byte-budget.ts'
import { UploadGate, type UploadGateDeps } from './upload-gate.ts'

function aGate(limitBytesPerSecond: number, deps: Partial<UploadGateDeps> = {}) {
  const clock = fakeClock()
  const gate = new UploadGate({ clock, timers: clock, budget: new ByteBudget(limitBytesPerSecond), ...deps })
  return { clock, gate }
}

/** Always has something to send: frames as long as the gate likes them, on a chunk of 256 KiB at most. */
class Sender {
  readonly urgency: number
  readonly #gate: UploadGate
  sentBytes = 0
  leftFrames = Number.POSITIVE_INFINITY

  constructor(gate: UploadGate, urgency = 0) {
    this.#gate = gate
    this.urgency = urgency
  }

  run(): void {
    while (this.leftFrames > 0) {
      const sizeBytes = Math.min(this.#gate.audioMaxBytes, 262_144) + 20
      if (!this.#gate.pass(this, sizeBytes)) return
      this.leftFrames--
      this.sentBytes += sizeBytes
    }
  }
}

const sum = (senders: readonly Sender[]) => senders.reduce((total, { sentBytes }) => total + sentBytes, 0)

describe('upload gate: the limit', () => {
  it.each([
    [50_000, 1],
    [50_000, 4],
    [300_000, 3],
    [1_000_000, 7],
    [20_000_000, 1],
    [20_000_000, 6],
  ])(
    'upload gate: %i bytes a second, %i receivers: 10 s of it within a twentieth, from the first byte and after a pause',
    (limit, receiverCount) => {
      const { clock, gate } = aGate(limit)
      const senders = Array.from({ length: receiverCount }, () => new Sender(gate))
      for (const startAfterMs of [0, 60_000]) {
        for (const sender of senders) sender.leftFrames = 0
        clock.advance(startAfterMs)
        const before = sum(senders)
        for (const sender of senders) sender.leftFrames = Number.POSITIVE_INFINITY
        for (const sender of senders) sender.run()
        clock.advance(10_000)
        const ratio = (sum(senders) - before) / (10 * limit)
        expect(ratio).toBeGreaterThan(0.95)
        expect(ratio).toBeLessThan(1.05)
      }
    },
  )

  it('upload gate: a process that comes late to its timers, by up to 40 ms: loses nothing of the limit', () => {
    const clock = fakeClock()
    const late = { after: (delayMs: number, run: () => void) => clock.after(delayMs + 40, run) }
    const gate = new UploadGate({ clock, timers: late, budget: new ByteBudget(1_000_000) })
    const sender = new Sender(gate)
    sender.run()
    clock.advance(10_000)
    expect(sender.sentBytes / 10_000_000).toBeGreaterThan(0.95)
  })

  it('upload gate: several receivers that always want: get equal shares', () => {
    const { clock, gate } = aGate(200_000)
    const senders = Array.from({ length: 3 }, () => new Sender(gate))
    for (const sender of senders) sender.run()
    clock.advance(20_000)
    const shares = senders.map(({ sentBytes }) => sentBytes / sum(senders))
    for (const share of shares) expect(share).toBeCloseTo(1 / 3, 1)
  })

  it('upload gate: an urgent frame behind others that wait: passes first', () => {
    const { clock, gate } = aGate(50_000)
    const seeds = [new Sender(gate, 2), new Sender(gate, 2)]
    for (const seed of seeds) seed.run()
    const before = sum(seeds)
    const player = new Sender(gate, 0)
    player.leftFrames = 4
    player.run()
    clock.advance(1400)
    expect([player.leftFrames, sum(seeds) - before]).toEqual([0, 0])
    clock.advance(5000)
    expect(sum(seeds)).toBeGreaterThan(before)
  })

  it('upload gate: whoever waits and leaves: is not called, and no timer stays', () => {
    const { clock, gate } = aGate(50_000)
    const [one, other] = [new Sender(gate), new Sender(gate)]
    one.run()
    other.run()
    gate.leave(other)
    expect(clock.pendingCount).toBe(1)
    gate.leave(one)
    expect(clock.pendingCount).toBe(0)
    clock.advance(10_000)
    expect(other.sentBytes).toBe(0)
  })
})

describe('upload gate: the own music', () => {
  it('upload gate: the own music is short: nothing passes; then everything goes on by itself', () => {
    let isShort = true
    const { clock, gate } = aGate(0, { yieldMs: () => (isShort ? 50 : 0) })
    const senders = [new Sender(gate), new Sender(gate)]
    for (const sender of senders) sender.leftFrames = 10
    for (const sender of senders) sender.run()
    clock.advance(1000)
    expect(sum(senders)).toBe(0)
    isShort = false
    clock.advance(50)
    expect(senders.map(({ leftFrames }) => leftFrames)).toEqual([0, 0])
    expect(clock.pendingCount).toBe(0)
  })
})

describe('upload gate: the quota', () => {
  it('upload gate: a quota: frames shrink to what is left of it, the first that does not fit ends everything', () => {
    let [leftBytes, exhaustions] = [5 * 16_384 + 100, 0]
    const quota = {
      get leftBytes() {
        return leftBytes
      },
      admits: (sizeBytes: number) => sizeBytes <= leftBytes,
      spent: (sizeBytes: number) => {
        leftBytes -= sizeBytes
      },
      closedForMs: () => (leftBytes < 16_384 ? 5000 : 0),
    }
    const { clock, gate } = aGate(0, { quota, onExhausted: () => exhaustions++ })
    const sender = new Sender(gate)
    sender.run()
    expect([sender.sentBytes, exhaustions, gate.closedForMs]).toEqual([5 * 16_384 + 20, 1, 5000])
    clock.advance(60_000)
    expect(exhaustions).toBe(1)
  })
})
