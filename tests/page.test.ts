// The listener's page in a real browser, served by a real peer: it is used as people use it, and looked at.
// Not its parts one by one: those have tests of their own in apps/web.
// Invariant: sound is heard, not assumed; pictures of every place lie in tests/artefacts afterwards.

/// <reference lib="dom" />

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { eventually } from '@evastream/testkit/eventually'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriousFaults } from './axe-check.ts'
import { type TaggedSong, taggedMp3, taggedSongs } from './cover-art.ts'
import { missingReason } from './installed-program.ts'
import { LoopbackTown, portOf } from './loopback-town.ts'
import { heardOn, openPage, overflowOn, PageBrowser, sessionOn, sounds } from './page-browser.ts'

const PICTURES = 'tests/artefacts'
const HOSTILE = '<img src=x onerror="document.title=1">'
const CHUNK_SIZE_BYTES = 64 * 1024
/** Gzipped. */
const SCRIPTS_MAX_BYTES = 120 * 1024

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)("the listener's page", () => {
  let town: LoopbackTown
  let browser: PageBrowser
  let listener: BrowserContext
  let page: Page

  beforeAll(async () => {
    town = await LoopbackTown.open()
    await mkdir(PICTURES, { recursive: true })
    await Promise.all(taggedSongs().map(publish))
    await town.startPeer('ann')
    await town.startPeer('listener')
    await town.download('ann', 'slow-tide')
    await town.whenComplete('ann', 'slow-tide')
    browser = await PageBrowser.open()
    listener = await browser.listener()
    page = await openPage(listener, town.url('listener'))
  })

  afterAll(async () => {
    await browser.close()
    await town.close()
  })

  async function publish(song: TaggedSong): Promise<void> {
    const path = town.path(`${song.songId}.mp3`)
    await writeFile(path, await taggedMp3(song))
    await town.publishFile({ songId: song.songId, path, chunkSize: CHUNK_SIZE_BYTES })
  }

  test('a song is searched for, pressed, and heard, with its cover and an honest line', async () => {
    await page.goto(`${town.url('listener')}/#/albums`)
    await page.getByText('Harbour Lights').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('mira')
    await page.getByRole('button', { name: /Slow Tide.*Mira Voss/ }).click()
    await sounds(page)
    await page.getByRole('link', { name: /Slow Tide/ }).click()
    await page.getByRole('heading', { level: 1, name: 'Slow Tide' }).waitFor()
    const honest = page.locator('.now-honest')
    await eventually('the line is honest', async () => /% from one listener|first one here/.test((await honest.textContent()) ?? ''))
    await page.getByRole('button', { name: 'Take out Two Cups' }).waitFor()
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' })
    await eventually('it has gone on for a while', async () => (await heardOn(page)).currentTime > 4)
    await page.mouse.move(700, 890)
    await page.screenshot({ path: join(PICTURES, 'playing-dark-1440.png') })
    expect(await sessionOn(page)).toEqual({
      title: 'Slow Tide',
      artist: 'Mira Voss',
      album: 'Harbour Lights',
      artwork: '/covers/slow-tide',
      playbackState: 'playing',
    })
  })

  test('keys: space stops and goes on, l and arrows seek, ? shows the keys', async () => {
    await page.locator('main').focus()
    await page.keyboard.press(' ')
    expect((await heardOn(page)).isPaused).toBe(true)
    const before = (await heardOn(page)).currentTime
    await page.keyboard.press('l')
    await page.keyboard.press('ArrowRight')
    expect((await heardOn(page)).currentTime).toBeCloseTo(before + 15, 0)
    await page.keyboard.press('?')
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('main').focus()
    await page.keyboard.press('k')
    await sounds(page)
  })

  test('two pages play at once, at different places', async () => {
    const other = await openPage(listener, `${town.url('listener')}/#/songs?query=orbit`)
    await other.getByRole('button', { name: /Orbit.*Quiet Engines/ }).click()
    await Promise.all([sounds(page), sounds(other)])
    await other.close()
  })

  test('the origin stops and the peer starts anew while it plays: the music goes on, and a page opened again is where it was', async () => {
    const port = Number(new URL(town.url('listener')).port)
    const before = (await heardOn(page)).currentTime
    const originPort = portOf(town.url('origin'))
    await town.process('origin').kill()
    await sounds(page)
    await town.endPeer('listener')
    await town.startPeer('listener', [`--http.port=${port}`])
    await sounds(page)
    await page.reload()
    await page.getByText('Slow Tide').first().waitFor()
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    await sounds(page)
    expect((await heardOn(page)).currentTime).toBeGreaterThan(before - 5)
    await town.startOrigin(originPort)
  })

  test.each(['light', 'dark'] as const)('%s: looks right at every width, and axe finds nothing serious', async theme => {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    for (const [name, hash] of [
      ['albums', '#/albums'],
      ['songs', '#/songs'],
      ['now', '#/now'],
      ['swarm', '#/swarm'],
    ] as const) {
      await page.goto(`${town.url('listener')}/${hash}`)
      await page.locator('h1').waitFor()
      for (const width of [320, 360, 768, 1440]) {
        await page.setViewportSize({ width, height: width < 768 ? 740 : 900 })
        expect(await overflowOn(page), `${name} at ${width}`).toBeLessThanOrEqual(0)
        await page.waitForFunction(() => [...document.images].every(image => image.complete))
        await page.screenshot({ path: join(PICTURES, `${name}-${theme}-${width}.png`) })
      }
      expect(await seriousFaults(page), `${name} ${theme}`).toEqual([])
    }
  })

  test('hostile titles are text', async () => {
    await publish({ songId: 'hostile', title: HOSTILE, artist: '"><script>alert(1)</script>', album: 'Zz' })
    await page.goto(`${town.url('listener')}/#/songs?query=onerror`)
    await page.getByText(HOSTILE).first().waitFor()
    await page.setViewportSize({ width: 320, height: 740 })
    expect(await overflowOn(page)).toBeLessThanOrEqual(0)
    expect(await page.title()).toBe('EvaStream')
  })

  test('nothing went wrong in the page, and its scripts are small', async () => {
    expect(browser.troubles).toEqual([])
    const text = await (await fetch(`${town.url('listener')}/`)).text()
    const scripts = [...text.matchAll(/src="\.(\/assets\/[^"]+\.js)"/g)].map(([, path]) => path ?? '')
    const sizes = await Promise.all(
      scripts.map(async path => gzipSync(await (await fetch(town.url('listener') + path)).arrayBuffer()).length),
    )
    expect(scripts.length).toBeGreaterThan(0)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(SCRIPTS_MAX_BYTES)
  })
})
