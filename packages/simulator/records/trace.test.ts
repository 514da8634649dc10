// Traces: a run written down can be replayed, and a seed gives the same trace every time.
// Not what is in a run: seeds.test.ts.

import { expect, test } from 'vitest'
import { productionScheduler, simulate } from '../simulation.ts'
import { drawWorld } from '../worlds/world-draw.ts'
import { replayTrace, Trace, type TraceEntry } from './trace.ts'

function traceOf(seed: number): string[] {
  const lines: string[] = []
  simulate({ seed, trace: new Trace({ write: line => lines.push(line) }) })
  return lines
}

test('trace: twenty seeds played twice: give the same lines', () => {
  for (let seed = 1; seed <= 20; seed++) expect(traceOf(seed)).toEqual(traceOf(seed))
})

test('trace: two seeds: give different lines', () => {
  expect(traceOf(3)).not.toEqual(traceOf(7))
})

test.each([3, 7, 11, 24])('trace: seed %i, its events fed to new schedulers: the same commands come out', seed => {
  expect(replayTrace(traceOf(seed), productionScheduler(drawWorld(seed)))).toBeUndefined()
})

test('trace: a step tampered with: the replay names its line', () => {
  const lines = traceOf(3)
  const index = lines.findIndex(line => (JSON.parse(line) as TraceEntry).kind === 'step' && line.includes('"request-blocks"'))
  const tampered = lines.with(index, (lines[index] ?? '').replace('"request-blocks"', '"request-rocks"'))
  expect(replayTrace(tampered, productionScheduler(drawWorld(3)))?.line).toBe(index + 1)
})

test('trace: its first line: is the seed and the plan, which survive being text', () => {
  const first = JSON.parse(traceOf(3)[0] ?? '')
  expect(first).toEqual({ kind: 'world', seed: 3, plan: JSON.parse(JSON.stringify(drawWorld(3))) })
  const outcome = simulate({ seed: 3, plan: first.plan })
  expect(outcome).toEqual(simulate({ seed: 3 }))
})
