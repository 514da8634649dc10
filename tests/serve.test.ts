// `evastream serve` as an operator meets it: one real process around a real folder, asked over HTTP alone.
// Not the page (browser tests) and not the rules of the folder one by one (library-keeper.test.ts).

import { mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scheduler } from 'node:timers/promises'
import { ServiceProcess } from '@evastream/cli/demo/service-process'
import { toEvaError } from '@evastream/core/errors'
import type { LibrarySongs } from '@evastream/protocol/library-http'
import { mp3Bytes, pngPicture, wavBytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const QUICK = ['--scan.settleMs=200', '--scan.graceMs=400', '--scan.intervalMs=300']
/** Not the address that counts as this machine's own user's, so that the rules of a local network hold. */
const OTHER_HOST = '127.0.0.2'

/** What everybody may do there besides looking; whatever is added to the router takes the token. */
const LISTENERS_ACTS = ['PUT /api/queue']

const cover = pngPicture(1, 16)
const waves = mp3Bytes({ seed: 1, sizeBytes: 600_000, tags: { title: '<b>Waves</b>', artist: 'Eva', album: 'Sea', trackNumber: 1, cover } })
const tides = mp3Bytes({ seed: 2, sizeBytes: 300_000, tags: { title: 'Tides', artist: 'Eva', album: 'Sea', trackNumber: 2 } })
const rain = wavBytes({ seed: 3, durationMs: 2_000, tags: { title: 'Rain', artist: 'Nobody' } })

let root = ''
let music = ''
let house: ServiceProcess | undefined
let startCount = 0

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-serve-'))
  music = join(root, 'music')
  await mkdir(join(music, 'Sea'), { recursive: true })
  await writeFile(join(music, 'Sea/waves.mp3'), waves)
  await writeFile(join(music, 'Sea/tides.mp3'), tides)
  await writeFile(join(music, 'rain.wav'), rain)
})
afterEach(async () => {
  await house?.stop()
  house = undefined
  await rm(root, { recursive: true, force: true })
})

async function serve(...flags: readonly string[]): Promise<string> {
  const args = [music, `--data=${join(root, 'data')}`, '--port=0', ...QUICK, ...flags]
  house = await ServiceProcess.start({ name: `serve-${++startCount}`, verb: 'serve', args, logDirectory: root })
  return house.url
}

async function songsAt(url: string, query = ''): Promise<LibrarySongs> {
  return (await (await fetch(`${url}/api/library/songs?${query}`)).json()) as LibrarySongs
}

async function songsWhen(url: string, count: number): Promise<LibrarySongs> {
  return eventually(`${count} songs`, async () => {
    const library = await songsAt(url)
    return library.total === count ? library : undefined
  })
}

const log = (): Promise<string> => readFile(join(root, `serve-${startCount}.log`), 'utf8')

describe('evastream serve', () => {
  it('a folder: its songs are browsed, shown and played, each bit for bit', async () => {
    await writeFile(join(music, 'broken.mp3'), 'not music at all')
    const url = await serve('--price-per-gb=0.09')
    const { songs } = await songsWhen(url, 3)
    expect(songs.map(({ title }) => title)).toEqual(['<b>Waves</b>', 'Rain', 'Tides'])
    const [first, rainy] = songs
    expect(first).toMatchObject({ artist: 'Eva', album: 'Sea', hasCover: true })
    for (const [song, bytes] of [
      [first, waves],
      [rainy, rain],
    ] as const) {
      const reply = await fetch(`${url}/stream/${song?.songId}`)
      expect(Buffer.from(await reply.arrayBuffer()).equals(bytes)).toBe(true)
    }
    const picture = await fetch(`${url}/covers/${first?.songId}`)
    expect([picture.headers.get('content-type'), Buffer.from(await picture.arrayBuffer())]).toEqual(['image/png', Buffer.from(cover)])
    expect(await (await fetch(`${url}/api/library/albums`)).json()).toMatchObject({ albums: [{ album: 'Sea', songCount: 2 }] })
    expect(await (await fetch(`${url}/api/about`)).json()).toMatchObject({
      servedBy: 'gateway',
      operator: { needsToken: false },
      pricePerGb: 0.09,
    })
    expect(await (await fetch(`${url}/api/operator/scan`)).json()).toMatchObject({ songCount: 3, refused: [{ path: 'broken.mp3' }] })
    expect((await log()).match(/left out broken\.mp3/g)).toHaveLength(1)
  })

  it('/library.m3u8: absolute addresses that stream', async () => {
    const url = await serve()
    await songsWhen(url, 3)
    const lines = (await (await fetch(`${url}/library.m3u8`)).text()).trim().split('\n')
    expect(lines.filter(line => line.startsWith('#EXTINF'))).toHaveLength(3)
    const address = lines.find(line => line.includes('/stream/tides'))
    expect(address?.startsWith(`${url}/stream/`)).toBe(true)
    expect(Buffer.from(await (await fetch(address ?? '')).arrayBuffer()).equals(tides)).toBe(true)
  })

  it('started again, the folder as it was: the same songs at once, none read again', async () => {
    const before = await songsWhen(await serve(), 3)
    await house?.stop()
    const url = await serve()
    expect(await songsAt(url)).toEqual(before)
    await eventually('a look', async () => (await log()).includes('3 songs from'))
    expect(await log()).not.toContain('+ ')
    expect(await log()).not.toContain('operator token')
  })

  it('a file that is still being written: becomes a song once it is whole', async () => {
    const url = await serve()
    await songsWhen(url, 3)
    const file = await open(join(music, 'slow.mp3'), 'w')
    const slow = mp3Bytes({ seed: 9, sizeBytes: 400_000, tags: { title: 'Slow' } })
    for (let part = 0; part < 8; part++) {
      await file.write(slow, part * 50_000, 50_000)
      // Time is what this is about: a writer that takes longer than the folder takes to look.
      await scheduler.wait(120)
      expect((await songsAt(url)).total).toBe(3)
    }
    await file.close()
    const { songs } = await songsWhen(url, 4)
    const song = songs.find(({ title }) => title === 'Slow')
    expect(Buffer.from(await (await fetch(`${url}/stream/${song?.songId}`)).arrayBuffer()).equals(slow)).toBe(true)
  })

  it('a deleted file: its song goes; a vanished folder: no song goes, and they play on', async () => {
    const url = await serve()
    await songsWhen(url, 3)
    await rm(join(music, 'rain.wav'))
    const { songs } = await songsWhen(url, 2)
    await rename(music, join(root, 'unplugged'))
    await eventually('it is noticed', async () => (await log()).includes('cannot be looked into'))
    await mkdir(music)
    await eventually('it is noticed', async () => (await log()).includes('it is empty'))
    expect((await songsAt(url)).total).toBe(2)
    expect((await fetch(`${url}/stream/${songs[0]?.songId}`)).status).toBe(200)
  })

  it('upload, edit, delete: as the page does it; what was deleted stays so after a restart', async () => {
    const url = await serve()
    await songsWhen(url, 3)
    const body = Buffer.from(mp3Bytes({ seed: 20, sizeBytes: 500_000 }))
    const operator = `${url}/api/operator/songs`
    const uploaded = await fetch(`${operator}?name=${encodeURIComponent('../../My own.mp3')}`, {
      method: 'POST',
      headers: { 'content-type': 'audio/mpeg' },
      body,
    })
    expect(uploaded.status).toBe(201)
    const { songId } = (await uploaded.json()) as { songId: string }
    expect(await songsAt(url, 'query=my+own')).toMatchObject({ songs: [{ songId, title: 'My own' }] })
    expect(Buffer.from(await (await fetch(`${url}/stream/${songId}`)).arrayBuffer()).equals(body)).toBe(true)
    const json = { 'content-type': 'application/json' }
    expect((await fetch(`${operator}/${songId}`, { method: 'PATCH', headers: json, body: '{"title":"Ours","album":"New"}' })).status).toBe(
      200,
    )
    expect(await songsAt(url, 'query=ours')).toMatchObject({ songs: [{ songId, album: 'New' }] })
    const { songs } = await songsAt(url, 'query=rain')
    for (const status of [204, 404]) expect((await fetch(`${operator}/${songs[0]?.songId}`, { method: 'DELETE' })).status).toBe(status)
    expect((await songsAt(url, 'query=rain')).total).toBe(0)
    const junk = await fetch(`${operator}?name=x.mp3`, { method: 'POST', headers: { 'content-type': 'audio/mpeg' }, body: 'junk' })
    expect([junk.status, ((await junk.json()) as { code: string }).code]).toEqual([422, 'EVA_INPUT_NOT_AUDIO'])
    await house?.stop()
    expect((await songsWhen(await serve(), 3)).songs.map(({ title }) => title)).toEqual(['<b>Waves</b>', 'Ours', 'Tides'])
  })

  it('on loopback: a page of another site can do nothing', async () => {
    const url = await serve()
    const headers = { origin: 'http://evil.example', 'content-type': 'audio/mpeg' }
    expect((await fetch(`${url}/api/operator/songs?name=x.mp3`, { method: 'POST', headers, body: 'x' })).status).toBe(403)
  })

  it('beyond loopback: everybody listens, and every act of an operator takes the token', async () => {
    const url = await serve(`--host=${OTHER_HOST}`)
    expect(new URL(url).hostname).toBe(OTHER_HOST)
    const { songs } = await songsWhen(url, 3)
    const songId = songs[0]?.songId
    expect((await fetch(`${url}/stream/${songId}`)).status).toBe(200)
    expect(await (await fetch(`${url}/api/about`)).json()).toMatchObject({ operator: { needsToken: true } })
    const acts: readonly (readonly [string, string])[] = [
      ['POST', '/api/operator/songs?name=x.mp3'],
      ['PATCH', `/api/operator/songs/${songId}`],
      ['DELETE', `/api/operator/songs/${songId}`],
      ['GET', '/api/operator/scan'],
      ['PUT', `/api/songs/${songId}/pin`],
      ['POST', `/api/songs/${songId}/download`],
    ]
    for (const [method, path] of acts) {
      expect([path, (await fetch(url + path, { method })).status]).toEqual([path, 401])
      expect([path, (await fetch(url + path, { method, headers: { authorization: 'Bearer wrong' } })).status]).toEqual([path, 403])
    }
    const token = (await readFile(join(root, 'data/metadata/operator-token'), 'utf8')).trim()
    const authorization = `Bearer ${token}`
    expect((await fetch(`${url}/api/operator/scan`, { headers: { authorization } })).status).toBe(200)
    expect((await fetch(`${url}/api/operator/songs/${songId}`, { method: 'DELETE', headers: { authorization } })).status).toBe(204)
    expect((await songsAt(url)).total).toBe(2)
  })

  it('beyond loopback: of all routes there are, only those for looking and listening go without the token', async () => {
    const url = await serve(`--host=${OTHER_HOST}`)
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, Record<string, unknown>> }
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(name => ({ method: name.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, 'x') })),
    )
    const operators = routes.filter(({ method, path }) => path.startsWith('/api/operator') || !['GET', 'HEAD', 'OPTIONS'].includes(method))
    const listeners = operators.filter(({ method, path }) => LISTENERS_ACTS.includes(`${method} ${path}`))
    expect(listeners).toHaveLength(LISTENERS_ACTS.length)
    expect(operators.length).toBeGreaterThanOrEqual(7 + listeners.length)
    for (const { method, path } of operators.filter(route => !listeners.includes(route))) {
      expect([method, path, (await fetch(url + path, { method })).status]).toEqual([method, path, 401])
      const wrong = await fetch(url + path, { method, headers: { authorization: 'Bearer wrong' } })
      expect([method, path, wrong.status]).toEqual([method, path, 403])
    }
  })

  it.each([
    ['a folder that is not there', () => join(root, 'nowhere'), 'EVA_FOLDER_MISSING'],
    ['a file instead of a folder', () => join(music, 'rain.wav'), 'EVA_FOLDER_MISSING'],
    ['the data in the folder itself', () => join(root, 'data'), 'EVA_CONFIG_INVALID'],
  ])('%s: says so and what to do', async (_, folder, code) => {
    await mkdir(join(root, 'data'))
    const starting = ServiceProcess.start({
      name: 'failing',
      verb: 'serve',
      args: [folder(), `--data=${join(root, 'data')}`, '--port=0'],
      logDirectory: root,
    })
    expect(toEvaError(await starting.catch(thrown => thrown)).message).toContain(code)
  })
})
