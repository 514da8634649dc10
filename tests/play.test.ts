import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import type { PeerPlays, Play, PlayQueue } from '@evastream/protocol/peer-http'
import { eventually } from '@evastream/testkit/eventually'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROGRAM_PATH } from '../apps/evastream/repository-path.ts'
import { type CommandOutcome, cleanEnvironment, LoopbackTown, type PublishedFile, runCommand, sha256Of } from './loopback-town.ts'

// `evastream play`, `evastream status` and the playlists, with real peers and a player that only fetches what it is given.

let town: LoopbackTown
let first: PublishedFile
let second: PublishedFile

beforeAll(async () => {
  town = await LoopbackTown.open()
  first = await town.publish({ songId: 'first', sizeBytes: 300_000, seed: 1 })
  second = await town.publish({ songId: 'second', sizeBytes: 200_000, seed: 2 })
  await town.startPeer('listener')
  await installPlayer('mpv', 'for (const url of urls) note([await fetched(url), url].join(" "))')
  await installPlayer('ffplay', "note('it has nothing to play on'); process.exit(3)")
})

afterAll(() => town.close())

/** A program under a player's name; it sees `urls`, and may `note` a line or tell what was `fetched`. */
async function installPlayer(name: string, script: string): Promise<void> {
  const path = town.path(`players/${name}`)
  await mkdir(town.path('players'), { recursive: true })
  const lines = [
    `#!${process.execPath}`,
    "const { appendFileSync } = require('node:fs')",
    "const { createHash } = require('node:crypto')",
    "const urls = process.argv.filter(word => word.startsWith('http'))",
    `const note = text => appendFileSync(${JSON.stringify(town.path('noted'))}, text + '\\n')`,
    "const fetched = async url => createHash('sha256').update(await (await fetch(url)).bytes()).digest('hex')",
    `;(async () => { ${script} })()`,
  ]
  await writeFile(path, lines.join('\n').replace('.bytes()', '.arrayBuffer().then(Buffer.from)'))
  await chmod(path, 0o755)
}

async function noted(): Promise<string[]> {
  return (await readFile(town.path('noted'), 'utf8')).trimEnd().split('\n')
}

function play(args: readonly string[], cwd = town.directory): Promise<CommandOutcome> {
  return runCommand(['play', ...args], { cwd, env: { PATH: town.path('players') } })
}

/** Flags for a peer of the play's own, in this town. */
function own(): string[] {
  return ['metadata', 'tracker', 'origin'].map(name => `--${name}=${town.url(name)}`)
}

async function queueOf(peerId: string): Promise<readonly string[]> {
  return ((await (await fetch(`${town.url(peerId)}/api/queue`)).json()) as PlayQueue).songIds
}

async function playsOf(peerId: string): Promise<readonly Play[]> {
  return ((await (await fetch(`${town.url(peerId)}/api/plays`)).json()) as PeerPlays).plays
}

describe('evastream play', () => {
  test('through a peer that runs: plays both songs bit for bit, says what came from whom, and leaves an empty queue', async () => {
    const { exitCode, stdout, stderr } = await play(['first', 'second', `--peer=${town.url('listener')}`])
    expect(exitCode).toBe(0)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^first: 300 kB, all from the origin\. First sound (at once|after \d+\.\d\d s), no stalls\.$/m)
    expect(stderr).toMatch(/^second: 200 kB, .*\.$/m)
    expect(await noted()).toEqual([
      `${first.sha256} ${town.url('listener')}/stream/first/first.mp3`,
      `${second.sha256} ${town.url('listener')}/stream/second/second.mp3`,
    ])
    expect(await queueOf('listener')).toEqual([])
  })

  test('again: one JSON line on stdout, and all of it from the cache', async () => {
    // Within two seconds it would still be the same play, to which the player came back.
    await eventually('the play is over', async () => (await playsOf('listener')).every(({ isOver }) => isOver))
    const { exitCode, stdout } = await play(['first', `--peer=${town.url('listener')}`, '--json'])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      plays: [{ songId: 'first', title: 'first', deliveredBytes: 300_000, cacheBytes: 300_000, originBytes: 0, stallCount: 0 }],
    })
  })

  test('through a peer of its own: takes from listeners, keeps what it took where it is looked for next time', async () => {
    const home = town.path('home')
    await mkdir(home)
    const { exitCode, stdout } = await play(['first', ...own(), '--json'], home)
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ plays: [{ songId: 'first', deliveredBytes: 300_000, cacheBytes: 0 }] })
    const kept = await readdir(`${home}/evastream-data/peers`)
    expect(kept).toHaveLength(2)
    const again = await play(['first', ...own()], home)
    expect(again.stderr).toContain('first: 300 kB, all from your own cache.')
    expect(await readdir(`${home}/evastream-data/peers`)).toEqual(kept)
  })

  test('while another peer has the kept cache: plays all the same, without one', async () => {
    const home = town.path('home')
    await town.start('keeper', 'peer', [...own(), '--peer.port=0', '--http.port=0', `--data=${home}/evastream-data/peers`])
    const { exitCode, stderr } = await play(['second', ...own()], home)
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/^second: 200 kB, /m)
    await town.endPeer('keeper')
  })

  test('--url: prints the address, serves it until a signal, and ends well', async () => {
    const args = [PROGRAM_PATH, 'play', 'second', 'first', `--peer=${town.url('listener')}`, '--url']
    const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => (stdout += chunk))
    child.stderr.on('data', chunk => (stderr += chunk))
    await eventually('it serves', () => stderr.includes('Serving until Ctrl-C') && stdout.split('\n').length === 3)
    expect(stdout).toBe(`${town.url('listener')}/stream/second/second.mp3\n${town.url('listener')}/stream/first/first.mp3\n`)
    expect(await queueOf('listener')).toEqual(['first'])
    const audio = await (await fetch(stdout.split('\n')[0] ?? '')).arrayBuffer()
    expect(sha256Of(new Uint8Array(audio))).toBe(second.sha256)
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([0, null])
    expect(stderr).toContain('second: 200 kB, all from your own cache.')
    expect(await queueOf('listener')).toEqual([])
  })

  test('no player: says so with the address, and serves it', async () => {
    const args = [PROGRAM_PATH, 'play', 'first', `--peer=${town.url('listener')}`]
    const child = spawn(process.execPath, args, { env: cleanEnvironment({ PATH: '/nowhere' }), stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => (stdout += chunk))
    child.stderr.on('data', chunk => (stderr += chunk))
    await eventually('it serves', () => stderr.includes('Serving until Ctrl-C') && stdout.endsWith('\n'))
    expect(stderr).toContain('None of mpv, VLC and ffplay is installed: open the address in any player.')
    expect(stdout).toBe(`${town.url('listener')}/stream/first/first.mp3\n`)
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([0, null])
  })

  test('no player, with --json: the addresses on stderr, and one JSON object in the end on stdout', async () => {
    const args = [PROGRAM_PATH, 'play', 'first', '--json', `--peer=${town.url('listener')}`]
    const child = spawn(process.execPath, args, { env: cleanEnvironment({ PATH: '/nowhere' }), stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => (stdout += chunk))
    child.stderr.on('data', chunk => (stderr += chunk))
    await eventually('it serves', () => stderr.includes('Serving until Ctrl-C'))
    expect(stderr).toContain(`${town.url('listener')}/stream/first/first.mp3\n`)
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([0, null])
    expect(JSON.parse(stdout)).toEqual({ plays: expect.any(Array) })
  })

  test('a player that fails: exit code 1, its name, the song it failed at, and how else to open it', async () => {
    const { exitCode, stderr } = await play(['first', '--ffplay', `--peer=${town.url('listener')}`])
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`evastream play: ffplay did not play ${town.url('listener')}/stream/first/first.mp3 to the end (exit code 3).`)
    expect(stderr).toContain('open the addresses of --url in any player. [EVA_PLAYER_FAILED]')
  })

  test.each([
    ['an unknown song', ['nope'], 1, 'There is no song "nope".'],
    ['an unknown song after a known one', ['first', 'nope'], 1, 'There is no song "nope".'],
    ['no id', ['../first'], 2, '"../first" is not a song id.'],
    ['no song', [], 2, 'The argument songId is missing'],
    ['two players', ['first', '--mpv', '--vlc'], 2, 'The flags --mpv and --vlc exclude one another'],
    ['a running peer and how it is to be', ['first', '--upload-limit=1M'], 2, 'The flag --upload-limit is for a peer of'],
  ])('%s: one sentence and an exit code', async (_what, words, exitCode, sentence) => {
    const outcome = await play([...words, `--peer=${town.url('listener')}`])
    expect(outcome).toMatchObject({ exitCode, stdout: '' })
    expect(outcome.stderr).toContain(sentence)
  })

  test('a peer that was named and does not run: exit code 1, and no other is taken', async () => {
    const outcome = await play(['first', '--peer=http://127.0.0.1:1'])
    expect(outcome).toMatchObject({ exitCode: 1, stdout: '' })
    expect(outcome.stderr).toMatch(/^evastream play: The peer at http:\/\/127\.0\.0\.1:1 cannot be reached/)
  })
})

describe('evastream status', () => {
  test('not on a terminal: one JSON object of status, plays and queue', async () => {
    // What a player took before it left is heard for as long as it lasts.
    await eventually('all was heard', async () => (await town.status('listener')).playing.songIds.length === 0, { deadlineMs: 20_000 })
    const { exitCode, stdout } = await runCommand(['status', `--peer=${town.url('listener')}`])
    expect(exitCode).toBe(0)
    const status = JSON.parse(stdout) as Record<string, unknown>
    expect(status).toMatchObject({ peerId: 'listener', sharing: 'on', playing: { songIds: [] }, queue: [] })
    expect(status.plays).toContainEqual(expect.objectContaining({ songId: 'first', isOver: true }))
  })

  test('--once, not on a terminal either: the table; with --json the object', async () => {
    const { stdout } = await runCommand(['status', '--once', `--peer=${town.url('listener')}`])
    expect(stdout).toContain('listener')
    expect(stdout).not.toContain('{')
    expect(stdout).not.toContain('\u001b')
    const object = await runCommand(['status', '--once', '--json', `--peer=${town.url('listener')}`])
    expect(JSON.parse(object.stdout)).toMatchObject({ peerId: 'listener' })
  })

  test('a peer that does not run: one sentence, the next step, exit code 1', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['status', '--peer=http://127.0.0.1:1'])
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr.split('\n')).toEqual([
      'evastream status: The peer at http://127.0.0.1:1 cannot be reached (ECONNREFUSED).',
      'Start it, or correct the address. [EVA_SERVICE_UNREACHABLE]',
      '',
    ])
  })
})

describe('playlists', () => {
  test('of the library: every published song, at the address that was asked', async () => {
    const reply = await fetch(`${town.url('listener')}/library.m3u8`)
    expect(reply.headers.get('content-type')).toBe('audio/x-mpegurl')
    expect((await reply.text()).match(/^http.*$/gm)).toEqual([
      `${town.url('listener')}/stream/first/first.mp3`,
      `${town.url('listener')}/stream/second/second.mp3`,
    ])
  })

  test('of the library while the metadata service is down: the songs known here', async () => {
    const port = Number(new URL(town.url('metadata')).port)
    await town.process('metadata').stop()
    try {
      const text = await (await fetch(`${town.url('listener')}/library.m3u8`)).text()
      expect(text).toContain('/stream/first/first.mp3\n')
    } finally {
      await town.startMetadata(port)
    }
  })

  test.each(['/library.m3u8', '/songs/first.m3u8', '/api/queue'])('%s asked by another site’s page: is refused', async path => {
    const reply = await fetch(`${town.url('listener')}${path}`, { headers: { origin: 'http://evil.example' } })
    expect(reply.status).toBe(403)
  })
})
