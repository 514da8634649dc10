// Players are stood in for by programs of two lines, found and run as real ones are.

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemTimers } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findPlayer } from './player-program.ts'
import { runPlayer } from './player-run.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-players-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

async function install(name: string, script = ''): Promise<void> {
  const path = join(directory, name)
  await writeFile(path, `#!/bin/sh\necho "$*" >> "${directory}/said"\n${script}\n`)
  await chmod(path, 0o755)
}

function said(): Promise<string> {
  return readFile(join(directory, 'said'), 'utf8')
}

/** Only this directory and the shell's own are looked into. */
function path(): NodeJS.ProcessEnv {
  return { PATH: `/nowhere::${directory}` }
}

async function run(name: 'mpv' | 'vlc' | 'ffplay', signal = new AbortController().signal, hasTerminal = false) {
  const program = await findPlayer(name, path())
  if (program === undefined) return undefined
  return runPlayer({ program, timers: systemTimers }, { urls: ['http://a/', 'http://b/'], signal, hasTerminal })
}

describe('finding a player', () => {
  it('none, or one that may not be run: undefined', async () => {
    await writeFile(join(directory, 'mpv'), 'text')
    expect(await findPlayer(undefined, path())).toBeUndefined()
    expect(await findPlayer(undefined, {})).toBeUndefined()
  })

  it('several: mpv before VLC before ffplay, unless one is asked for', async () => {
    await install('ffplay')
    expect((await findPlayer(undefined, path()))?.name).toBe('ffplay')
    await install('vlc')
    expect((await findPlayer(undefined, path()))?.name).toBe('vlc')
    await install('mpv')
    expect((await findPlayer(undefined, path()))?.name).toBe('mpv')
    expect((await findPlayer('ffplay', path()))?.name).toBe('ffplay')
  })

  it('VLC: without a screen the one without a window', async () => {
    await install('vlc')
    await install('cvlc')
    expect((await findPlayer('vlc', path()))?.path).toBe(join(directory, 'cvlc'))
    expect((await findPlayer('vlc', { ...path(), DISPLAY: ':0' }))?.path).toBe(join(directory, 'vlc'))
  })
})

describe('running a player', () => {
  it.each(['mpv', 'vlc'] as const)('%s: gets all addresses at once, behind the end of its options', async name => {
    await install(name)
    expect(await run(name)).toEqual({ kind: 'played' })
    expect(await said()).toMatch(/ -- http:\/\/a\/ http:\/\/b\/\n$/)
  })

  it('ffplay: gets one address after the other', async () => {
    await install('ffplay')
    expect(await run('ffplay')).toEqual({ kind: 'played' })
    expect((await said()).match(/-nodisp -i http:\/\/[ab]\/$/gm)).toHaveLength(2)
  })

  it('a player that fails: is told with its exit code, and nothing more is played', async () => {
    await install('ffplay', 'exit 7')
    expect(await run('ffplay')).toEqual({ kind: 'failed', reason: 'exit code 7', url: 'http://a/' })
    expect((await said()).split('\n')).toHaveLength(2)
  })

  it('a player that fails at its second song: is told with that address', async () => {
    await install('ffplay', 'case "$*" in *b/) exit 7;; esac')
    expect(await run('ffplay')).toEqual({ kind: 'failed', reason: 'exit code 7', url: 'http://b/' })
  })

  it('a player of several songs that a signal ended: is told so, without an address', async () => {
    await install('mpv', 'kill -9 $$')
    expect(await run('mpv')).toEqual({ kind: 'failed', reason: 'ended by SIGKILL' })
  })

  it.each([
    ['SIGTERM', false, 'TERM'],
    ['SIGINT', false, 'INT'],
    // The terminal did not, since there is none in a test: it comes a moment later.
    ['SIGINT', true, 'INT'],
  ])('%s (on a terminal: %s): is handed on, and its end is no failure', async (reason, hasTerminal, name) => {
    await install(
      'mpv',
      `trap 'echo got ${name} >> "${directory}/said"; exit 4' ${name}\necho ready >> "${directory}/said"\nwhile :; do sleep 0.05; done`,
    )
    const stop = new AbortController()
    const end = run('mpv', stop.signal, hasTerminal)
    await eventually('the player is up', async () => (await said().catch(String)).includes('ready'))
    stop.abort(reason)
    expect(await end).toEqual({ kind: 'interrupted' })
    expect(await said()).toContain(`got ${name}`)
  })
})
