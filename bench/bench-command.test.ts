// The umbrella's command, with rows and systems that measure nothing real: what it prints, keeps and answers.

import { EvaError } from '@evastream/core/errors'
import { expect, test } from 'vitest'
import type { CrowdSystem } from './against/crowd-system.ts'
import { benchCommand } from './bench-command.ts'
import type { BenchRow } from './bench-row.ts'
import type { RowGroup } from './rows/row-groups.ts'

const GOOD: BenchRow = { what: 'copies of six', figure: 1, unit: 'copies', bar: { atMost: 1.05 }, detail: '' }

function aGroup(name: string, words: Partial<RowGroup> = {}): RowGroup {
  return { name, about: 'something', obstacle: async () => undefined, measure: async () => [GOOD], ...words }
}

function aSystem(name: string, words: Partial<CrowdSystem> = {}): CrowdSystem {
  return { name, obstacle: async () => undefined, run: async () => ({ seconds: 2, originCopies: 4, cpuSecondsPerGb: 3 }), ...words }
}

interface Others {
  readonly systems?: readonly CrowdSystem[]
  readonly lighterThan?: readonly string[]
}

async function bench(argv: readonly string[], groups: readonly RowGroup[], { systems = [], lighterThan = [] }: Others = {}) {
  const [out, err, kept]: [string[], string[], string[]] = [[], [], []]
  const code = await benchCommand(argv, {
    stdout: text => void out.push(text),
    stderr: text => void err.push(text),
    groups,
    results: { keepRows: async ({ name }) => void kept.push(name), keepComparison: async crowd => void kept.push(crowd) },
    crowds: [{ name: 'few', what: '2 together', plan: { songBytes: 1, peerCount: 2 }, bars: {}, lighterThan }],
    systems: [aSystem('ours'), ...systems],
  })
  return { code, stdout: out.join(''), stderr: err.join(''), kept }
}

test('bench: every bar is met: the table says so, the rows are kept, and it answers 0', async () => {
  const { code, stdout, kept } = await bench([], [aGroup('six'), aGroup('twelve')])
  expect([code, kept]).toEqual([0, ['six', 'twelve']])
  expect(stdout).toContain('copies of six  1.00 copies  ≤ 1.05 copies  met')
})

test('bench: a bar is missed: it is shouted, and it answers 1', async () => {
  const { code, stdout } = await bench([], [aGroup('six', { measure: async () => [{ ...GOOD, figure: 2 }] })])
  expect(code).toBe(1)
  expect(stdout).toContain('MISSED')
})

test('bench: rows asked for by name: the others are not measured', async () => {
  const { kept } = await bench(['--rows', 'twelve'], [aGroup('six'), aGroup('twelve')])
  expect(kept).toEqual(['twelve'])
})

test('bench: what cannot be measured, or fails: is named, keeps nothing, and it answers 1', async () => {
  const unable = aGroup('six', { obstacle: async () => 'only root may' })
  const failing = aGroup('ten', { measure: async () => Promise.reject(new EvaError('EVA_USAGE', { details: { reason: 'it broke' } })) })
  const { code, stderr, kept } = await bench([], [unable, failing, aGroup('twelve')])
  expect([code, kept]).toEqual([1, ['twelve']])
  expect(stderr).toContain('NOT MEASURED: six: only root may')
  expect(stderr).toContain('NOT MEASURED: ten: it broke')
})

test('bench: against others: each system has a line, and one that is not installed is named', async () => {
  const absent = aSystem('theirs', { obstacle: async () => 'it is not installed' })
  const { code, stdout, stderr } = await bench(['--against', 'theirs,another'], [], { systems: [absent, aSystem('another')] })
  expect(stderr).toContain('NOT MEASURED: theirs: it is not installed')
  const lines = stdout.trim().split('\n').slice(1)
  expect(lines.map(line => line.split(/\s{2,}/).slice(1, 4))).toEqual([
    ['ours', '4.00', '2.00'],
    ['another', '4.00', '2.00'],
  ])
  expect(code).toBe(1)
})

test('bench: against one that fails midway: its line says why, and it answers 1', async () => {
  const failing = aSystem('theirs', { run: async () => Promise.reject(new EvaError('EVA_USAGE', { details: { reason: 'it broke' } })) })
  const { code, stdout } = await bench(['--against', 'theirs'], [], { systems: [failing] })
  expect(stdout).toContain('NOT MEASURED: it broke')
  expect(code).toBe(1)
})

test.each([
  [3, 'met', 0],
  [2, 'MISSED', 1],
])('bench: against one that takes %d s/GB where we take 3: the bar is %s, and it answers %d', async (cpuSecondsPerGb, result, expected) => {
  const theirs = aSystem('theirs', { run: async () => ({ seconds: 2, originCopies: 4, cpuSecondsPerGb }) })
  const { code, stdout } = await bench(['--against', 'theirs'], [], { systems: [theirs], lighterThan: ['theirs', 'absent'] })
  expect(stdout).toContain(`x theirs  ${result}`)
  expect(stdout).not.toContain('x absent')
  expect(code).toBe(expected)
})

test.each([
  [['--rows', 'seven'], 'no row "seven"'],
  [['--against', 'napster'], 'no system "napster"'],
  [['--runs', '0'], '--runs takes a whole number'],
  [['--rnus', '3'], '--rnus'],
])('bench: %j: is refused with the usage', async (argv, reason) => {
  const { code, stderr } = await bench(argv, [aGroup('six')])
  expect(code).toBe(2)
  expect(stderr).toContain(reason)
  expect(stderr).toContain('npm run bench')
})
