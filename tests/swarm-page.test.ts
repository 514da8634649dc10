// The swarm page in a real browser, on the page of a real `evastream serve` that others can reach, while real peers take a song from it.
// Not the figures behind it one by one (packages/swarm-board) and not the demo's buttons (demo-page.test.ts).
// Invariant: pictures of the place lie in tests/artefacts afterwards.

/// <reference lib="dom" />

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceProcess } from '@evastream/cli/demo/service-process'
import type { LibrarySongs } from '@evastream/protocol/library-http'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seriousFaults } from './axe-check.ts'
import { missingReason } from './installed-program.ts'
import { PageBrowser } from './page-browser.ts'
import { fitHeight, placeOverflowOn } from './whole-view.ts'

const PICTURES = 'tests/artefacts'
/** Not the address that counts as this machine's own user's, so that the rules of a local network hold. */
const LAN_HOST = '127.0.0.2'
const SONG_BYTES = 3_000_000
const SLOWLY = { deadlineMs: 40_000 }

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('the swarm page', () => {
  let root = ''
  let songId = ''
  let house: ServiceProcess
  let browser: PageBrowser
  let page: Page
  let starts = 0
  const peers: ServiceProcess[] = []

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'evastream-swarm-'))
    await mkdir(join(root, 'music'))
    await mkdir(PICTURES, { recursive: true })
    await writeFile(
      join(root, 'music/tides.mp3'),
      mp3Bytes({ seed: 5, sizeBytes: SONG_BYTES, tags: { title: 'Tides <b>', artist: 'Eva' } }),
    )
    house = await startHouse()
    songId = await eventually('the song', async () => {
      const { songs } = (await (await fetch(`${house.url}/api/library/songs`)).json()) as LibrarySongs
      return songs[0]?.songId
    })
    browser = await PageBrowser.open()
    page = await (await browser.listener()).newPage()
  })
  afterAll(async () => {
    await browser.close()
    await Promise.all(peers.map(peer => peer.kill()))
    await house.stop()
    await rm(root, { recursive: true, force: true })
  })

  function startHouse(): Promise<ServiceProcess> {
    const own = [`--data=${join(root, 'data')}`, '--port=0', `--host=${LAN_HOST}`, '--price-per-gb=0.09']
    const args = [join(root, 'music'), ...own, '--scan.settleMs=100', '--log.level=info']
    return ServiceProcess.start({ name: `serve-${++starts}`, verb: 'serve', args, logDirectory: root })
  }

  /** As a listener joins who was told the addresses. */
  async function joins(peerId: string, ...flags: readonly string[]): Promise<void> {
    const log = await readFile(join(root, 'serve-1.log'), 'utf8')
    const said = (words: string) => log.split('\n').find(line => line.includes(`"msg":"${words}"`)) ?? '{}'
    const { url: tracker, metadata } = JSON.parse(said('tracking')) as { url: string; metadata: string }
    const { url: origin } = JSON.parse(said('serving')) as { url: string }
    const services = [`--metadata=${metadata}`, `--tracker=${tracker}`, `--origin=${origin}`, `--song.id=${songId}`]
    const own = [`--peer.id=${peerId}`, `--data=${join(root, peerId)}`, '--peer.port=0', '--http.port=0']
    peers.push(await ServiceProcess.start({ name: peerId, verb: 'peer', args: [...services, ...own, ...flags], logDirectory: root }))
  }

  const value = async (place: number) => (await page.locator('.swarm-value').nth(place).textContent()) ?? ''
  const moves = (place: number) => eventually('it moves', async () => /[1-9]/.test(await value(place)), SLOWLY)
  const chart = () => page.locator('section', { has: page.getByRole('heading', { name: 'Server and listeners' }) })
  const song = () => page.locator('section', { has: page.getByRole('heading', { name: 'Who holds what' }) })
  const rowsOf = (of: ReturnType<typeof chart>) => of.locator('tbody tr').evaluateAll(rows => rows.map(row => row.textContent ?? ''))
  const wholeAt = (place: number) =>
    eventually(
      'the whole song',
      async () => {
        const status = (await (await fetch(`${peers[place]?.url}/api/status`)).json()) as { songs: { complete: boolean }[] }
        return status.songs[0]?.complete
      },
      SLOWLY,
    )

  it('the numbers move: from the server while the first peer downloads, from listeners while the next ones do', async () => {
    await page.goto(`${house.url}/#/swarm`)
    await page.getByRole('heading', { name: 'Nobody shares a song yet' }).waitFor()
    expect(await value(0)).toBe('0')
    await joins('ann', '--download-limit=500K', '--upload-limit=800K')
    await moves(1)
    expect(await value(0)).toBe('1')
    await wholeAt(0)
    await Promise.all([joins('bob'), joins('cem')])
    await moves(2)
    await eventually('three', async () => (await value(0)) === '3')
    await Promise.all([wholeAt(1), wholeAt(2)])
    await eventually('the savings', async () => /^[4-6]\.\d+ MB$/.test(await value(3)), SLOWLY)
    await page.getByText(/in money, .* from listeners/).waitFor()
  })

  it('the moment from which the swarm lives by itself: is marked in the chart, in words and in the table', async () => {
    await page.getByText(/Since .* the swarm lives by itself/).waitFor({ timeout: SLOWLY.deadlineMs })
    await chart().getByText('The same as a table').click()
    expect((await rowsOf(chart())).filter(row => row.includes('by itself from here'))).toHaveLength(1)
  })

  it('every table says what its picture shows', async () => {
    await song().getByText('The same as a table').click()
    await eventually('all whole', async () => (await rowsOf(song())).filter(row => row.includes('12 of 12: 0–11')).length === 3, SLOWLY)
    const drawn = await song()
      .locator('.swarm-map-row:not(.swarm-map-sum)')
      .evaluateAll(rows => rows.map(row => [row.querySelector('.swarm-map-name')?.textContent, row.querySelectorAll('.is-held').length]))
    const written = await song()
      .locator('table')
      .first()
      .locator('tbody tr')
      .evaluateAll(rows =>
        rows.map(row => [row.querySelector('th')?.textContent, Number.parseInt(row.querySelector('td')?.textContent ?? '', 10)]),
      )
    expect(drawn).toEqual(written)
    expect(await song().locator('.swarm-ring-peer').count()).toBe(written.length)
    expect((await rowsOf(song())).at(-1)).toBe('30–11')
    const bars = await chart().locator('canvas').evaluate(coloursDrawn, ['--from-origin', '--from-peer'])
    expect(bars).toEqual([true, true])
    expect(await chart().locator('tbody tr').evaluateAll(sumsOf)).toEqual([true, true])
  })

  it.each(['light', 'dark'] as const)('%s: nothing sticks out at any width, and axe finds nothing serious', async theme => {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    for (const width of [320, 360, 768, 1440]) {
      await fitHeight(page, width)
      expect(await placeOverflowOn(page), `at ${width}`).toBeLessThanOrEqual(0)
      await page.screenshot({ path: join(PICTURES, `swarm-of-three-${theme}-${width}.png`) })
    }
    expect(await seriousFaults(page)).toEqual([])
  })

  it('addresses: nobody sees them before the token, and the operator does after it', async () => {
    await page.getByText('Addresses of listeners are shown to the operator alone').waitFor()
    expect((await rowsOf(song())).join()).not.toMatch(/127\.0\.0\.|ann|bob|cem/)
    await page.getByRole('link', { name: 'Manage' }).first().click()
    await page.getByLabel('Operator token').fill((await readFile(join(root, 'data/metadata/operator-token'), 'utf8')).trim())
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByRole('heading', { name: 'Upload songs' }).waitFor()
    await page.getByRole('link', { name: 'Swarm' }).click()
    await song().getByText('The same as a table').click()
    await eventually('addresses', async () => /ann 127\.0\.0\.1:\d+/.test((await rowsOf(song())).join()))
    expect(await page.getByText('Addresses of listeners').count()).toBe(0)
  })

  it('serve started again: the chart still shows what flowed before', async () => {
    await chart().getByText('The same as a table').click()
    const before = await eventually('rows', async () => {
      const rows = await rowsOf(chart())
      return rows.length > 1 && rows
    })
    await Promise.all(peers.splice(0).map(peer => peer.kill()))
    await house.stop()
    house = await startHouse()
    await page.goto(`${house.url}/#/swarm`)
    await chart().getByText('The same as a table').click()
    const after = await eventually('rows', async () => {
      const rows = await rowsOf(chart())
      return rows.length > 0 && rows
    })
    // The newest one may have grown to the end.
    expect(after).toEqual(expect.arrayContaining(before.slice(1)))
    expect(browser.troubles).toEqual([])
  })
})

/** Runs in the page: whether bars of each colour stand in the chart. */
function coloursDrawn(canvas: SVGElement | HTMLElement, names: readonly string[]): boolean[] {
  const { width, height } = canvas as HTMLCanvasElement
  const context = (canvas as HTMLCanvasElement).getContext('2d')
  const data = context?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray()
  return names.map(name => {
    const probe = document.body.appendChild(document.createElement('i'))
    probe.style.color = `var(${name})`
    const wanted = /(\d+), (\d+), (\d+)/.exec(getComputedStyle(probe).color)?.slice(1).map(Number) ?? []
    probe.remove()
    for (let place = 0; place < data.length; place += 4)
      if (wanted.every((part, channel) => Math.abs(part - (data[place + channel] ?? 0)) < 3) && data[place + 3] === 255) return true
    return false
  })
}

/** Runs in the page: whether the table of the chart has anything from the server, and from listeners. */
function sumsOf(rows: (SVGElement | HTMLElement)[]): boolean[] {
  return [0, 1].map(column => rows.some(row => /[1-9]/.test(row.querySelectorAll('td')[column]?.textContent ?? '')))
}
