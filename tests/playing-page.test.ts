// The player's controls on the page, in a real browser with a real peer: each is used as people use it, and what follows is heard.
// Not the library (page.test.ts) and not the engine behind it.
// Invariant: sound is heard, not assumed; what is asked of the audio element is asked of the one that plays.

/// <reference lib="dom" />

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventually } from '@evastream/testkit/eventually'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { taggedMp3, taggedSongs } from './cover-art.ts'
import { missingReason } from './installed-program.ts'
import { LoopbackTown } from './loopback-town.ts'
import { heardOn, openPage, PageBrowser, sessionOn, sounds } from './page-browser.ts'

const ALBUM = 'Harbour Lights'
/** As the page shows them: the demo songs have no track numbers. */
const TITLES = ['Lantern', 'Leaving Pier Nine', 'Salt and Iron', 'Slow Tide']

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('the player on the page', () => {
  let town: LoopbackTown
  let browser: PageBrowser
  let listener: BrowserContext
  let page: Page

  beforeAll(async () => {
    town = await LoopbackTown.open()
    for (const song of taggedSongs().filter(({ album }) => album === ALBUM)) {
      const path = town.path(`${song.songId}.mp3`)
      await writeFile(path, await taggedMp3(song))
      await town.publishFile({ songId: song.songId, path, chunkSize: 256 * 1024 })
    }
    await town.startPeer('listener')
    browser = await PageBrowser.open()
    listener = await browser.listener()
    page = await openPage(listener, `${town.url('listener')}/#/songs?album=Harbour+Lights`)
    await page.getByRole('button', { name: /^Lantern/ }).click()
    await page.getByRole('link', { name: 'Now playing', exact: true }).click()
    await sounds(page)
  })

  afterAll(async () => {
    await browser.close()
    await town.close()
  })

  const titleNow = () => page.getByRole('heading', { level: 1 }).textContent()
  const comingTitles = () => page.locator('.queue li .song-row-words > :first-child').allTextContents()
  const whenNow = (title: string) => eventually(`${title} is now`, async () => (await titleNow()) === title)
  const seekBar = () => page.getByRole('slider', { name: 'Place in the song' })
  const toTheEnd = async () => {
    await seekBar().focus()
    await page.keyboard.press('End')
  }
  const press = async (...keys: readonly string[]) => {
    await page.locator('main').focus()
    for (const key of keys) await page.keyboard.press(key)
  }

  test('the seek bar: pressed in its middle, the music goes on from there', async () => {
    const { duration, box } = await seekBar().evaluate(element => ({
      duration: Number((element as HTMLInputElement).max),
      box: element.getBoundingClientRect().toJSON() as { x: number; y: number; width: number; height: number },
    }))
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2)
    const after = await eventually('it is in the middle', async () => {
      const { currentTime } = await heardOn(page)
      return Math.abs(currentTime - duration / 2) < duration / 20 && currentTime
    })
    await sounds(page)
    expect(await seekBar().getAttribute('aria-valuetext')).toMatch(/^\d+:\d\d of \d+:\d\d$/)
    expect(after).toBeGreaterThan(10)
  })

  test('every key of the sheet: j k l, arrows, m, n, p, r, s, space and / do what it says', async () => {
    await press('k')
    expect((await heardOn(page)).isPaused).toBe(true)
    const before = (await heardOn(page)).currentTime
    for (const [key, offsetS] of [
      ['j', -10],
      ['l', 0],
      ['ArrowLeft', -5],
      ['ArrowRight', 0],
      ['L', 10],
      ['J', 0],
    ] as const) {
      await press(key)
      expect((await heardOn(page)).currentTime, key).toBeCloseTo(before + offsetS, 0)
    }
    const volume = () => page.evaluate(() => (window as unknown as { heardAudio: HTMLAudioElement }).heardAudio.volume)
    await press('ArrowDown', 'ArrowDown')
    expect(await volume()).toBeCloseTo(0.9, 2)
    await press('ArrowUp')
    expect(await volume()).toBeCloseTo(0.95, 2)
    await press('m')
    await page.getByRole('button', { name: 'Sound off', pressed: true }).waitFor()
    await press('m', ' ')
    await sounds(page)
    await press('n')
    await whenNow('Leaving Pier Nine')
    await press('p')
    await whenNow('Lantern')
    await sounds(page)
    await press('s')
    await page.getByRole('button', { name: 'Shuffle', pressed: true }).waitFor()
    await press('s', 'r')
    await page.getByRole('button', { name: 'Repeat: all songs' }).waitFor()
    await press('r', 'r')
    await page.getByRole('button', { name: 'Repeat: off' }).waitFor()
    await press('/')
    await eventually('the search has the focus', () => page.evaluate(() => document.activeElement?.id === 'search'))
    await page.keyboard.type('kjlmnps ')
    expect(await page.getByLabel('Search the library').inputValue()).toBe('kjlmnps ')
    expect((await heardOn(page)).isPaused).toBe(false)
    await page.goto(`${town.url('listener')}/#/now`)
  })

  test('the queue: a song is put next, one is taken out, one is pressed; the rest follows in order', async () => {
    expect(await comingTitles()).toEqual(TITLES.slice(1))
    await page.getByRole('button', { name: 'Take out Salt and Iron' }).click()
    expect(await comingTitles()).toEqual(['Leaving Pier Nine', 'Slow Tide'])
    await page.goto(`${town.url('listener')}/#/songs?album=Harbour+Lights`)
    await page.getByRole('button', { name: 'Play Slow Tide next' }).click()
    await page.goto(`${town.url('listener')}/#/now`)
    expect(await comingTitles()).toEqual(['Slow Tide', 'Leaving Pier Nine', 'Slow Tide'])
    await page.getByRole('button', { name: /^Leaving Pier Nine/ }).click()
    await whenNow('Leaving Pier Nine')
    await sounds(page)
    expect(await comingTitles()).toEqual(['Slow Tide'])
  })

  test('a song ends: the next one sounds by itself, and the system is told; at the end of the queue it stops', async () => {
    await toTheEnd()
    await whenNow('Slow Tide')
    await sounds(page)
    await eventually('the system shows it', async () => (await sessionOn(page)).title === 'Slow Tide')
    expect(await sessionOn(page)).toMatchObject({ artist: 'Mira Voss', album: ALBUM, playbackState: 'playing' })
    await toTheEnd()
    await eventually('it has stopped', async () => (await heardOn(page)).isPaused)
    expect((await sessionOn(page)).playbackState).toBe('paused')
    expect(await titleNow()).toBe('Slow Tide')
  })

  test('repeat: one song begins again by itself; all begin again after the last', async () => {
    await page.getByRole('button', { name: 'Repeat: off' }).click()
    await press('k')
    await sounds(page)
    await toTheEnd()
    await whenNow('Lantern')
    await sounds(page)
    await page.getByRole('button', { name: 'Repeat: all songs' }).click()
    await page.getByRole('button', { name: 'Repeat: this song' }).waitFor()
    await toTheEnd()
    await eventually('it begins again', async () => {
      const { currentTime, isPaused } = await heardOn(page)
      return currentTime < 5 && !isPaused
    })
    expect(await titleNow()).toBe('Lantern')
    await sounds(page)
    await page.getByRole('button', { name: 'Repeat: this song' }).click()
  })

  test('shuffle: the same songs in some order, the one that plays goes on; off again: the order as it was', async () => {
    const before = await comingTitles()
    const { path } = await heardOn(page)
    await page.getByRole('button', { name: 'Shuffle' }).click()
    expect([...(await comingTitles())].sort()).toEqual([...before].sort())
    await sounds(page)
    expect((await heardOn(page)).path).toBe(path)
    await page.getByRole('button', { name: 'Shuffle' }).click()
    expect(await comingTitles()).toEqual(before)
  })

  test('loaded again: song, place, queue, volume, repeat and theme are as they were, and nothing sounds unasked', async () => {
    await page.getByRole('button', { name: 'Repeat: off' }).click()
    await page.getByRole('button', { name: /^Theme: As the system/ }).click()
    await seekBar().focus()
    await page.keyboard.press('Home')
    await press('l', 'l', 'k')
    const [coming, { currentTime }] = [await comingTitles(), await heardOn(page)]
    expect(currentTime).toBeGreaterThan(19)
    await page.reload()
    await whenNow('Lantern')
    expect(await comingTitles()).toEqual(coming)
    expect((await heardOn(page)).isPaused).toBe(true)
    await page.getByRole('button', { name: 'Repeat: all songs' }).waitFor()
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('light')
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    await sounds(page)
    const heard = await heardOn(page)
    expect(heard.currentTime).toBeGreaterThan(currentTime - 3)
    expect(heard.currentTime).toBeLessThan(currentTime + 15)
    expect(await page.evaluate(() => (window as unknown as { heardAudio: HTMLAudioElement }).heardAudio.volume)).toBeCloseTo(0.95, 2)
  })

  test('a page of another origin, and a name that was bound to this machine, drive nothing: no act is done and no answer read', async () => {
    const target = town.url('listener')
    const elsewhere = createServer((_asked, reply) => reply.setHeader('content-type', 'text/html').end('<title>Elsewhere</title>'))
    elsewhere.listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    const { port } = elsewhere.address() as AddressInfo
    const strange = await openPage(await browser.listener(), `http://localhost:${port}/`)
    const outcomes = await strange.evaluate(async url => {
      const acts: [string, string, string?][] = [
        ['PUT', '/api/queue', '{"songIds":[]}'],
        ['PUT', '/api/sharing', '{"mode":"off"}'],
        ['POST', '/api/songs/salt-and-iron/download'],
        ['DELETE', '/api/songs/lantern/pin'],
        ['GET', '/api/status'],
        ['GET', '/api/library/songs'],
      ]
      const tries = acts.flatMap(([method, path, body]) =>
        (['cors', 'no-cors'] as const).map(mode =>
          fetch(url + path, {
            method,
            mode,
            ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
          }).then(reply => `${reply.type} ${reply.status}`, String),
        ),
      )
      return Promise.all(tries)
    }, target)
    expect(outcomes.every(outcome => outcome === 'opaque 0' || outcome.startsWith('TypeError'))).toBe(true)
    await sounds(page)
    expect((await town.status('listener')).sharing).toBe('on')
    expect((await town.progress('listener', 'salt-and-iron')).complete).toBe(false)
    const rebound = await statusFor(target, { host: 'evil.example', origin: 'http://evil.example' })
    const navigated = await statusFor(target, { host: `rebound.example:${new URL(target).port}` })
    expect([rebound, navigated]).toEqual([403, 403])
    expect(browser.troubles.filter(trouble => !trouble.includes('CORS'))).toEqual([])
    await strange.close()
    elsewhere.close()
  })
})

/** What `GET /api/status` answers to a request with these headers, which no browser lets a page choose. */
function statusFor(url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/api/status`, { headers }, reply => resolve(reply.resume().statusCode))
    asked.on('error', reject).end()
  })
}
