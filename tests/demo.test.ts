import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DemoResult } from '../apps/evastream/demo/demo-result.ts'
import { DEMO_SONG_PATH } from '../apps/evastream/repository-path.ts'
import { cleanEnvironment, runCommand } from './loopback-town.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-test-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

const ALL_FOUR = { firstMostlyOrigin: true, laterMostlyPeers: true, originFalls: true, selfSustaining: true }

describe('evastream demo', () => {
  test('with the demo song: all four observations hold, the figures add up, and nothing is left behind', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['demo', '--json'], { env: { TMPDIR: directory } })
    expect(stderr).toContain('was killed (SIGKILL)')
    const result = JSON.parse(stdout) as DemoResult
    const song = await readFile(DEMO_SONG_PATH)
    expect(result).toMatchObject({ songBytes: song.length, sha256: sha256Of(song), observations: ALL_FOUR, ok: true })
    expect(Object.keys(result).toSorted()).toEqual(
      ['songId', 'songBytes', 'sha256', 'peers', 'originBytesTotal', 'originStoppedPeer', 'observations', 'ok'].toSorted(),
    )
    expect(result.peers.map(({ peerId }) => peerId)).toEqual(['peer-1', 'peer-2', 'peer-3', 'peer-4'])
    for (const peer of result.peers) {
      expect(Object.keys(peer).toSorted()).toEqual(['complete', 'originBytes', 'peerBytes', 'peerId', 'sentBytes', 'sha256Ok'])
      expect(peer).toMatchObject({ complete: true, sha256Ok: true })
      expect(peer.originBytes + peer.peerBytes).toBe(song.length)
    }
    expect(result.originStoppedPeer).toEqual({ peerId: 'peer-5', complete: true, originBytes: 0 })
    expect(result.originBytesTotal).toBeGreaterThanOrEqual(song.length)
    expect(exitCode).toBe(0)
    expect(await readdir(directory)).toEqual([])
  })

  test('with the own file of a user, another number of peers and --keep: everything goes on running, and the last words say how to stop it', async () => {
    const input = join(directory, 'my own song.mp3')
    const bytes = mp3Bytes({ seed: 3, sizeBytes: 700_001, tags: { title: 'Mine \u001b[31m' } })
    await writeFile(input, bytes)
    const { exitCode, stdout, stderr } = await runCommand(['demo', '--json', '--keep', '--peers=3', '--input', input], {
      env: { TMPDIR: directory },
    })
    const pids = (/^Stop them with: kill ([\d ]+)$/m.exec(stderr)?.[1] ?? '').split(' ').map(Number)
    try {
      expect(JSON.parse(stdout)).toMatchObject({ songBytes: bytes.length, sha256: sha256Of(bytes), observations: ALL_FOUR, ok: true })
      expect((JSON.parse(stdout) as DemoResult).peers).toHaveLength(3)
      expect(stderr).not.toContain('\u001b')
      const urls = [...stderr.matchAll(/^ {2}(\S+) +(http:\S+) {2}pid \d+$/gm)].map(([, name, url]) => ({ name, url }))
      const names = urls.map(({ name }) => name ?? '')
      expect(names).toEqual(expect.arrayContaining(['metadata', 'tracker', 'origin-again', 'peer-3', 'peer-4']))
      // One of the first two was the busiest sender, and was killed.
      expect(names.filter(name => name === 'peer-1' || name === 'peer-2')).toHaveLength(1)
      expect(urls).toHaveLength(6)
      for (const { url } of urls) expect((await fetch(`${url}/readyz`)).status).toBe(200)
      expect(exitCode).toBe(0)
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGKILL')
    }
  })

  test('a file that is not there: one sentence, a next step, exit code 1, no processes left', async () => {
    const { exitCode, stderr } = await runCommand(['demo', '--input', join(directory, 'missing.mp3')], { env: { TMPDIR: directory } })
    expect(stderr).toMatch(/The input file .*missing\.mp3 does not exist/)
    expect(exitCode).toBe(1)
    expect(await readdir(directory)).toEqual([])
  })

  test('Ctrl-C in the middle: it ends soon, and takes every process and file with it', async () => {
    const child = execFile(process.execPath, ['bin/evastream.js', 'demo'], { env: cleanEnvironment({ TMPDIR: directory }) })
    const ended = new Promise<number | null>(resolve => void child.once('exit', code => resolve(code)))
    await new Promise<void>(resolve => {
      child.stderr?.on('data', (text: string) => {
        if (text.includes('peer-1 has the whole song')) resolve()
      })
    })
    child.kill('SIGINT')
    expect(await ended).toBe(1)
    expect(await readdir(directory)).toEqual([])
    const { stdout } = await promisify(execFile)('ps', ['-eo', 'args'])
    expect(stdout).not.toContain(directory)
  })
})

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
