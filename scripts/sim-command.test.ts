// The simulator's command: arguments, exit codes, and where the text goes.
// Not the simulator: packages/simulator.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Outcome, type SimulationOptions, simulate } from '@evastream/simulator/simulation'
import { expect, test } from 'vitest'
import { simCommand } from './sim-command.ts'

async function run(argv: readonly string[], play?: (options: SimulationOptions) => Outcome) {
  let stdout = ''
  let stderr = ''
  const io = {
    stdout: (text: string) => {
      stdout += text
    },
    stderr: (text: string) => {
      stderr += text
    },
  }
  const code = await simCommand(argv, play === undefined ? io : { ...io, play })
  return { code, stdout, stderr }
}

test('sim: one seed: is told in words, and the code is 0', async () => {
  const { code, stdout, stderr } = await run(['--seed', '3'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^seed 3: good\n {2}world {4}song-1 /)
})

test('sim: a range or a count: a line for each seed and a last one that counts', async () => {
  for (const argv of [
    ['--seeds', '4..6'],
    ['--seed', '4', '--count', '3'],
  ]) {
    const { code, stdout } = await run(argv)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map(line => line.split(' ')[0])).toEqual(['seed=4', 'seed=5', 'seed=6', '3'])
    expect([code, lines[3]]).toEqual([0, '3 seeds, 0 bad'])
  }
})

test('sim: a bad seed among good ones: is told in full with its replay, and the code is 1', async () => {
  const play = (options: SimulationOptions) => ({ ...simulate(options), isGood: options.seed !== 5 })
  const { code, stdout } = await run(['--seeds', '4..6'], play)
  expect(code).toBe(1)
  expect(stdout).toContain('seed 5: BAD')
  expect(stdout).toContain('npm run sim -- --seed 5 --trace -')
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('3 seeds, 1 bad')
})

test('sim: the trace on standard output: is JSON lines alone, with the words on standard error', async () => {
  const { code, stdout, stderr } = await run(['--seed', '3', '--trace', '-'])
  expect(code).toBe(0)
  const entries = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { kind: string })
  expect(entries[0]?.kind).toBe('world')
  expect(new Set(entries.map(({ kind }) => kind))).toContain('step')
  expect(stderr).toContain('seed 3: good')
})

test('sim: the trace into a file: is the same', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'evastream-sim-'))
  try {
    const path = join(directory, 'trace.jsonl')
    await run(['--seed', '3', '--trace', path])
    expect(readFileSync(path, 'utf8')).toBe((await run(['--seed', '3', '--trace', '-'])).stdout)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('sim: a story: is played and told like a seed', async () => {
  const { code, stdout } = await run(['--story', 'alone-with-the-origin'])
  expect(code).toBe(0)
  expect(stdout).toContain('1 peer (peer-1 from 0.0 s fetching)')
  expect(stdout).toContain('10.0 MiB from the origin')
})

test('sim: a trace replayed: says that nothing changed, or names the first line that did', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'evastream-sim-'))
  try {
    const path = join(directory, 'trace.jsonl')
    await run(['--seed', '3', '--trace', path])
    const same = await run(['--replay', path])
    expect(same).toMatchObject({ code: 0, stderr: '' })
    expect(same.stdout).toMatch(/^seed 3: \d+ lines, and every step gives the same commands\n$/)
    writeFileSync(path, readFileSync(path, 'utf8').replace('"find-peers"', '"find-fault"'))
    const other = await run(['--replay', path])
    expect(other.code).toBe(1)
    expect(other.stdout).toMatch(/^line \d+ differs\n {2}then .*find-fault.*\n {2}now .*find-peers/)
    writeFileSync(path, 'no trace\n')
    for (const bad of [path, join(directory, 'none')]) expect(await run(['--replay', bad])).toMatchObject({ code: 2, stdout: '' })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.each([
  [['--seed', 'x']],
  [['--seed', '-1']],
  [['--seed', '']],
  [['--seeds', '5']],
  [['--seeds', '6..4']],
  [['--count', '0']],
  [['--sead', '1']],
  [['7']],
  [['--story', 'of-my-life']],
  [['--seeds', '1..2', '--trace', '-']],
])('sim: arguments %j: are refused with the usage, and the code is 2', async argv => {
  const { code, stdout, stderr } = await run(argv)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain('npm run sim -- --seed 7')
})

test('sim: help: is the usage, and the code is 0', async () => {
  const { code, stdout } = await run(['--help'])
  expect(code).toBe(0)
  expect(stdout).toContain('npm run sim -- --seed 7')
})
