// The bench's command, with sources that measure nothing real: what it prints, keeps and answers.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MeasurementSource } from './measurement-source.ts'
import { playbackCommand } from './playback-command.ts'
import { measurementOf } from './playback-measurement.ts'
import { playbackPlot } from './playback-plot.ts'
import { measureSimulated } from './simulated-playback.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'playback-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

/** Every play starts after so many milliseconds and never stalls. */
function aSource(startupMs: number, setting: 'simulated' | 'processes' = 'simulated'): MeasurementSource {
  const play = { startupMs, silentForMs: 0, stallCount: 0, stalledMs: 0, seekMs: [startupMs] }
  const run = { plays: [play], starts: [play], originBytes: 1, peerBytes: 1, wastedBytes: 0, songBytes: 1 }
  return {
    setting,
    obstacle: async () => undefined,
    measure: async scenario => measurementOf({ scenario, setting }, [run]),
  }
}

async function bench(argv: readonly string[], sources: readonly MeasurementSource[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const io = {
    stdout: (text: string) => void out.push(text),
    stderr: (text: string) => void err.push(text),
    resultsDirectory: directory,
    sources,
  }
  const code = await playbackCommand(argv, io)
  return { code, stdout: out.join(''), stderr: err.join('') }
}

test('bench: every bar is met: the table says so, the results are kept, and it answers 0', async () => {
  const { code, stdout } = await bench([], [aSource(5)])
  expect(stdout).not.toContain('MISSED')
  expect(code).toBe(0)
  const kept: { readonly measurements: readonly unknown[] } = JSON.parse(await readFile(join(directory, 'playback.json'), 'utf8'))
  expect(kept.measurements).toHaveLength(stdout.trim().split('\n').length - 2)
  expect(await readFile(join(directory, 'playback.svg'), 'utf8')).toMatch(/^<svg [^>]+>[\s\S]*<\/svg>\n$/)
})

test('bench: a bar is missed: the line names it, and it answers 1', async () => {
  const { code, stdout } = await bench(['--scenario', 'calm'], [aSource(300)])
  expect(stdout).toContain('MISSED: startup p50 300 > 200 ms')
  expect(code).toBe(1)
})

test('bench: a goal of our own is missed: the line names it, and it answers 0', async () => {
  const { code, stdout } = await bench(['--scenario', 'crowd-500'], [aSource(9000)])
  expect(stdout).toContain('our goal: p95 ≤ 2500')
  expect(stdout).toContain('MISSED: startup p95 9000 > 2500 ms')
  expect(code).toBe(0)
})

test('bench: one scenario: keeps no results', async () => {
  await bench(['--scenario', 'calm'], [aSource(5)])
  expect(await readdir(directory)).toEqual([])
})

test('bench: two sources: what was measured with processes stands below the prediction; one that cannot measure says why', async () => {
  const unable: MeasurementSource = { ...aSource(1), obstacle: async () => 'no network namespaces here' }
  const { stdout, stderr } = await bench(['--scenario', 'calm'], [aSource(5), aSource(9, 'processes'), unable])
  const lines = stdout.trim().split('\n').slice(2)
  expect(lines.slice(0, 2).map(line => line.split(/\s+/).slice(0, 2))).toEqual([
    ['calm', 'simulated'],
    ['calm', 'processes'],
  ])
  expect(lines.slice(2)).toEqual([expect.stringContaining('calm: start p50 9 ms measured, 5 ms predicted')])
  expect(stderr).toContain('no network namespaces here')
})

test('bench: a source fails midway: says why, shows the others, keeps nothing, and answers 1', async () => {
  const failing: MeasurementSource = { ...aSource(5, 'processes'), measure: async () => Promise.reject(new EvaError('EVA_CANCELLED')) }
  const { code, stdout, stderr } = await bench([], [aSource(5), failing])
  expect(code).toBe(1)
  expect(stdout).toContain('calm')
  expect(stderr).toContain('FAILED: calm, processes')
  expect(await readdir(directory)).toEqual([])
})

test('bench: as JSON: the measurements with their misses', async () => {
  const { stdout } = await bench(['--scenario', 'prefetched', '--json'], [aSource(21)])
  expect(JSON.parse(stdout)).toMatchObject([{ scenario: 'prefetched', playCount: 1, misses: ['startup p95 21 > 20 ms'] }])
})

test.each([
  [['--scenario', 'storm'], 'no scenario "storm"'],
  [['--seeds', '0'], '--seeds takes a whole number'],
  [['--sedes', '3'], '--sedes'],
])('bench: %j: is refused with the usage', async (argv, reason) => {
  const { code, stderr } = await bench(argv, [aSource(5)])
  expect(code).toBe(2)
  expect(stderr).toContain(reason)
  expect(stderr).toContain('npm run bench:playback')
})

test('plot: hostile names and missing figures: is still well-formed', () => {
  const measured = { ...measurementOf({ scenario: '<&">', setting: 'processes' }, []) }
  const svg = playbackPlot([{ measured, bar: {}, isPromised: false }])
  expect(svg).toContain('&lt;&amp;&quot;&gt; (processes)')
  expect(svg).not.toContain('NaN')
})

test('simulated source: the same seeds: the same figures', () => {
  const once = () => measureSimulated('cold-alone', { first: 3, count: 2 })
  expect(once()).toEqual(once())
  expect(once()).toMatchObject({ scenario: 'cold-alone', setting: 'simulated', runCount: 2, playCount: 2 })
})
