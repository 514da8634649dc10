import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultUploadYield, UploadYield } from './upload-yield.ts'

const { bufferLowMs, yieldMs, passFirstMs, calmMs } = defaultUploadYield

/** Asks every `stepMs` and tells at which moments uploads waited. */
function waitsOf(
  policy: UploadYield,
  { forMs, stepMs = 10, bufferMs }: { forMs: number; stepMs?: number; bufferMs: (at: number) => number },
) {
  const waits: boolean[] = []
  for (let at = 0; at < forMs; at += stepMs) waits.push(policy.waitMs(at, bufferMs(at)) > 0)
  return waits
}

describe('upload yield', () => {
  it.each([undefined, bufferLowMs, 60_000])('upload yield: %s ms of music ahead: uploads go on', bufferMs => {
    const policy = new UploadYield()
    for (let at = 0; at < 60_000; at += 100) expect(policy.waitMs(at, bufferMs)).toBe(0)
  })

  it('upload yield: under three seconds of music: uploads wait at once, and look again soon', () => {
    const policy = new UploadYield()
    expect(policy.waitMs(5000, 2999)).toBe(50)
    expect(policy.waitMs(5050, 0)).toBe(50)
    expect(policy.waitMs(5100, 3000)).toBe(0)
  })

  it('upload yield: still hungry after the longest wait: some uploads pass, then they wait again, and each time more pass', () => {
    const waits = waitsOf(new UploadYield(), { forMs: 10_000, stepMs: 1, bufferMs: () => 500 })
    const turns = waits.flatMap((waiting, at) => (at > 0 && waiting !== waits[at - 1] ? [at] : []))
    const first = [yieldMs, yieldMs + passFirstMs]
    expect(turns.slice(0, 6)).toEqual([...first, 3250, 3750, 5250, 6250])
  })

  it('upload yield: hungry for good: uploads run most of the time in the end', () => {
    const waits = waitsOf(new UploadYield(), { forMs: 300_000, bufferMs: () => 0 })
    const late = waits.slice(waits.length / 2)
    expect(late.filter(waiting => waiting).length / late.length).toBeLessThan(0.15)
  })

  it('upload yield: hungry again after a long calm: waits as if for the first time', () => {
    const policy = new UploadYield()
    waitsOf(policy, { forMs: 60_000, bufferMs: () => 0 })
    const again = 60_000 + calmMs
    expect(policy.waitMs(again, 0)).toBe(50)
    expect(policy.waitMs(again + yieldMs, 0)).toBe(0)
    expect(policy.waitMs(again + yieldMs + passFirstMs, 0)).toBe(50)
  })

  it('upload yield: any music at any moments: no wait is longer than the longest, and after each something passes', () => {
    const step = fc.tuple(fc.integer({ min: 1, max: 900 }), fc.option(fc.integer({ min: 0, max: 3500 }), { nil: undefined, freq: 20 }))
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), steps => {
        const policy = new UploadYield()
        let at = 0
        let waitedSince: number | undefined
        for (const [pauseMs, bufferMs] of steps) {
          at += pauseMs
          const waitMs = policy.waitMs(at, bufferMs)
          if (waitMs === 0) waitedSince = undefined
          else {
            waitedSince ??= at
            expect(bufferMs).toBeLessThan(bufferLowMs)
            expect(at + waitMs - waitedSince).toBeLessThanOrEqual(yieldMs)
          }
        }
      }),
      { seed: 1 },
    )
  })

  it('upload yield: a ring in which everybody is hungry and has only what the one before sends: everybody gets its music', () => {
    const peers = Array.from({ length: 5 }, () => ({ policy: new UploadYield(), bufferMs: 0 }))
    for (let at = 0; at < 60_000; at += 50)
      for (const [index, { policy, bufferMs }] of peers.entries()) {
        const next = peers[(index + 1) % peers.length]
        if (next !== undefined && policy.waitMs(at, bufferMs) === 0) next.bufferMs += 150
        const one = peers[index]
        if (one !== undefined) one.bufferMs = Math.max(0, one.bufferMs - 50)
      }
    for (const { bufferMs } of peers) expect(bufferMs).toBeGreaterThan(bufferLowMs)
  })
})
