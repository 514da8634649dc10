// The players that people have, on a song that is still arriving: each plays it through, seeks to 80 %, and opens it again.
// Not a browser (browser-audio.test.ts). Each player has a fresh peer, which holds nothing when it begins.
// Invariant: what a player decodes is what it decodes from the published file itself.

import { chmod, mkdir, readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { DEMO_SONG_PATH } from '../apps/evastream/repository-path.ts'
import { missingReason, runProgram } from './installed-program.ts'
import { LoopbackTown, type PublishedFile, sha256Of } from './loopback-town.ts'

let town: LoopbackTown
let song: PublishedFile
let peerCount = 0
const peerIds: string[] = []

beforeAll(async () => {
  town = await LoopbackTown.open()
  song = await town.publishFile({ songId: 'song-1', path: DEMO_SONG_PATH, chunkSize: 256 * 1024 })
  // VLC runs as another user, and writes here.
  await chmod(town.directory, 0o755)
})

afterEach(async () => {
  for (const peerId of peerIds.splice(0)) await town.endPeer(peerId)
})

afterAll(() => town.close())

/** The address of the song at a new peer that holds nothing of it. */
async function freshAddress(songId = 'song-1', extension = '.mp3'): Promise<string> {
  const peerId = `player-${++peerCount}`
  await town.startPeer(peerId)
  peerIds.push(peerId)
  expect((await town.progress(peerId, songId)).chunksHeld).toBe(0)
  return `${town.url(peerId)}/stream/${songId}/${songId}${extension}`
}

const noCurl = missingReason('curl')
describe.skipIf(noCurl !== undefined)('curl', () => {
  test('takes the whole song, a part of it, and goes on where it stopped', async () => {
    const url = await freshAddress()
    const eighty = Math.floor(song.bytes.length * 0.8)
    const part = await runProgram('curl', ['-sf', '-r', `${eighty}-`, url])
    expect(Buffer.compare(part.stdout, song.bytes.subarray(eighty))).toBe(0)
    const whole = await runProgram('curl', ['-sf', url])
    expect(sha256Of(whole.stdout)).toBe(song.sha256)
    const path = town.path('curl.mp3')
    await runProgram('curl', ['-sf', '-r', '0-99999', '-o', path, url])
    await runProgram('curl', ['-sf', '-C', '-', '-o', path, url])
    expect(sha256Of(await readFile(path))).toBe(song.sha256)
  })

  test('asked for several parts at once: can tell them apart', async () => {
    const { stdout } = await runProgram('curl', ['-sf', '-r', '0-9,1000000-1000009', await freshAddress()])
    expect(stdout.toString('latin1')).toMatch(/Content-Range: bytes 0-9\/4689030[\s\S]*Content-Range: bytes 1000000-1000009\/4689030/)
    expect(stdout.includes(Buffer.from(song.bytes.subarray(1_000_000, 1_000_010)))).toBe(true)
  })
})

const noFfmpeg = missingReason('ffmpeg', 'ffprobe')
describe.skipIf(noFfmpeg !== undefined)('ffmpeg and ffprobe', () => {
  const decode = async (source: string, ...seek: string[]) =>
    (await runProgram('ffmpeg', ['-v', 'error', ...seek, '-i', source, '-map', '0:a', '-f', 'md5', '-'])).stdout.toString()

  test('plays through, seeks to 80 % and opens again: every sample is that of the file', async () => {
    const url = await freshAddress()
    expect(await decode(url)).toBe(await decode(song.path))
    const seeking = await freshAddress()
    expect(await decode(seeking, '-ss', '177')).toBe(await decode(song.path, '-ss', '177'))
    expect(await decode(seeking)).toBe(await decode(song.path))
  })

  test('tells the duration of a song of which nothing is here yet', async () => {
    const probe = async (source: string) =>
      (
        await runProgram('ffprobe', ['-v', 'error', '-show_entries', 'format=duration,format_name', '-of', 'json', source])
      ).stdout.toString()
    expect(JSON.parse(await probe(await freshAddress()))).toEqual(JSON.parse(await probe(song.path)))
  })

  test.each([
    ['m4a', ['-c:a', 'aac']],
    ['flac', ['-c:a', 'flac']],
    ['ogg', ['-c:a', 'libopus']],
    ['wav', ['-c:a', 'pcm_s16le']],
  ])('a song as %s, its index at the end or not: decodes as the file does, from the beginning and from 80 %', async (extension, codec) => {
    const path = town.path(`tone.${extension}`)
    await runProgram('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'sine=frequency=330:duration=40', '-ac', '2', ...codec, path])
    const file = await town.publishFile({ songId: `tone-${extension}`, path, chunkSize: 64 * 1024 })
    const url = await freshAddress(file.songId, `.${extension}`)
    expect(await decode(url)).toBe(await decode(path))
    expect(await decode(await freshAddress(file.songId, ''), '-ss', '32')).toBe(await decode(path, '-ss', '32'))
  })
})

const noMpv = missingReason('mpv')
describe.skipIf(noMpv !== undefined)('mpv', () => {
  const SILENT = ['--no-config', '--really-quiet', '--vo=null', '--ao=pcm', '--untimed']

  async function play(source: string, name: string, ...flags: string[]): Promise<Buffer> {
    const path = town.path(name)
    await runProgram('mpv', [...SILENT, `--ao-pcm-file=${path}`, ...flags, source])
    return readFile(path)
  }

  test('plays through, seeks to 80 % and opens again: every sample is that of the file', async () => {
    const url = await freshAddress()
    const whole = await play(song.path, 'file.wav')
    expect(sha256Of(await play(url, 'stream.wav'))).toBe(sha256Of(whole))
    const rest = await play(await freshAddress(), 'rest.wav', '--start=80%')
    expect(rest.length).toBeGreaterThan(whole.length * 0.18)
    expect(rest.length).toBeLessThan(whole.length * 0.22)
    expect(sha256Of(await play(url, 'again.wav'))).toBe(sha256Of(whole))
  })

  test('opens the playlist of one song, and that of the library', async () => {
    const base = new URL(await freshAddress()).origin
    const whole = await play(song.path, 'listed.wav')
    expect(sha256Of(await play(`${base}/songs/song-1.m3u8`, 'song-list.wav'))).toBe(sha256Of(whole))
    const library = await play(`${base}/library.m3u8`, 'library.wav', '--playlist-start=0', '--length=5')
    expect(library.length).toBeGreaterThan(0)
  })
})

const noVlc = missingReason('cvlc', 'runuser')
describe.skipIf(noVlc !== undefined)('VLC, as a user who is not root', () => {
  async function play(source: string, name: string, ...flags: string[]): Promise<Buffer> {
    const home = town.path('vlc-home')
    await mkdir(home, { recursive: true })
    await chmod(home, 0o777)
    const path = `${home}/${name}`
    const sout = `--sout=#transcode{acodec=s16l,channels=2,samplerate=44100}:std{access=file,mux=wav,dst=${path}}`
    const command = ['-q', '--intf=dummy', '--no-video', '--no-media-library', sout, ...flags, source, 'vlc://quit']
    if (process.getuid?.() === 0) await runProgram('runuser', ['-u', 'nobody', '--', 'env', `HOME=${home}`, 'cvlc', ...command])
    else await runProgram('cvlc', command)
    return readFile(path)
  }

  test('plays through, seeks to 80 % and opens again: every sample is that of the file', async () => {
    const whole = await play(song.path, 'file.wav')
    // 221.5 s of two channels of 16 bits at 44.1 kHz.
    expect(whole.length).toBeGreaterThan(39_000_000)
    const url = await freshAddress()
    expect(sha256Of(await play(url, 'stream.wav'))).toBe(sha256Of(whole))
    const fileRest = await play(song.path, 'file-rest.wav', '--start-time=177')
    expect(fileRest.length / whole.length).toBeGreaterThan(0.18)
    expect(fileRest.length / whole.length).toBeLessThan(0.22)
    expect(sha256Of(await play(await freshAddress(), 'rest.wav', '--start-time=177'))).toBe(sha256Of(fileRest))
    expect(sha256Of(await play(url, 'again.wav'))).toBe(sha256Of(whole))
  })

  test('opens the playlist of one song', async () => {
    const base = new URL(await freshAddress()).origin
    const whole = await play(song.path, 'listed-file.wav')
    expect(sha256Of(await play(`${base}/songs/song-1.m3u8`, 'list.wav'))).toBe(sha256Of(whole))
  })
})
