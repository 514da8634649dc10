// A clock and timers that stand still until a test moves them.
// Not real time, and not the simulator's virtual time: promises still need the event loop to settle.
// Invariant: timers run in the order of their deadlines, each at its own deadline, those of one deadline in the order they were set.

export interface FakeClock {
  now(): number
  /** Moves time forward and runs every timer that becomes due on the way, also those set meanwhile. */
  advance(durationMs: number): void
  after(delayMs: number, run: () => void): () => void
  every(intervalMs: number, run: () => void): () => void
  /** How many timers are set; none after a clean close. */
  readonly pendingCount: number
}

interface PendingTimer {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export function fakeClock(startMs = 1_000_000): FakeClock {
  let nowMs = startMs
  let order = 0
  const pending = new Set<PendingTimer>()

  function set(at: number, run: () => void): PendingTimer {
    const timer = { at, order: order++, run }
    pending.add(timer)
    return timer
  }

  function firstDue(untilMs: number): PendingTimer | undefined {
    const due = [...pending].filter(timer => timer.at <= untilMs)
    return due.sort((a, b) => a.at - b.at || a.order - b.order)[0]
  }

  return {
    now: () => nowMs,
    advance(durationMs) {
      const untilMs = nowMs + durationMs
      for (let timer = firstDue(untilMs); timer !== undefined; timer = firstDue(untilMs)) {
        pending.delete(timer)
        nowMs = Math.max(nowMs, timer.at)
        timer.run()
      }
      nowMs = untilMs
    },
    after(delayMs, run) {
      const timer = set(nowMs + delayMs, run)
      return () => void pending.delete(timer)
    },
    every(intervalMs, run) {
      let timer: PendingTimer
      const beat = () => {
        timer = set(nowMs + intervalMs, beat)
        run()
      }
      timer = set(nowMs + intervalMs, beat)
      return () => void pending.delete(timer)
    },
    get pendingCount() {
      return pending.size
    },
  }
}
