// The page in states that are easily forgotten: an empty library, words that are too long, run from right to left or mean harm, no
// covers, an open sheet, trouble. Each at every width in both themes, in a real browser.
// Not what it does (page.test.ts): nothing may stick out, and people look at the pictures in tests/artefacts.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingReason } from './installed-program.ts'
import { LoopbackTown } from './loopback-town.ts'
import { openPage, overflowOn, PageBrowser } from './page-browser.ts'

const PICTURES = 'tests/artefacts'
const WIDTHS = [320, 360, 768, 1440]
const LONG = 'Symphony of the Thousand Rivers in a Landscape of Slowly Moving Glaciers, Third Movement (Remastered Anniversary Edition)'
const UNBROKEN = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'
const HOSTILE = '"><img src=x onerror="document.title=1"><script>document.title=2</script>'
const RIGHT_TO_LEFT = 'شارع الليل الطويل'
/** Turns the direction of whatever follows it, unless it is kept to itself. */
const TURNED = '\u202egnos desreveR'

const SONGS = [
  { songId: 'long', title: LONG, artist: `${UNBROKEN} & ${UNBROKEN}`, album: LONG },
  { songId: 'unbroken', title: UNBROKEN.repeat(2), artist: UNBROKEN, album: UNBROKEN },
  { songId: 'hostile', title: HOSTILE, artist: HOSTILE, album: HOSTILE },
  { songId: 'right-to-left', title: RIGHT_TO_LEFT, artist: 'فرقة البحر', album: 'أغاني' },
  { songId: 'turned', title: TURNED, artist: 'Somebody', album: 'Tricks' },
]

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('states of the page', () => {
  let town: LoopbackTown
  let empty: LoopbackTown
  let browser: PageBrowser
  let page: Page

  beforeAll(async () => {
    await mkdir(PICTURES, { recursive: true })
    ;[town, empty] = await Promise.all([LoopbackTown.open(), LoopbackTown.open()])
    for (const { songId, ...tags } of SONGS) {
      const path = town.path(`${songId}.mp3`)
      await writeFile(path, mp3Bytes({ seed: songId.length, sizeBytes: 200_000, tags }))
      await town.publishFile({ songId, path, chunkSize: 64 * 1024 })
    }
    await Promise.all([town.startPeer('listener'), empty.startPeer('alone')])
    browser = await PageBrowser.open()
    page = await openPage(await browser.listener(), town.url('listener'))
  })

  afterAll(async () => {
    await browser.close()
    await Promise.all([town.close(), empty.close()])
  })

  async function lookAt(name: string): Promise<void> {
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: width < 768 ? 740 : 900 })
        expect(await overflowOn(page), `${name} at ${width}`).toBeLessThanOrEqual(0)
        expect(await page.evaluate(cutOff), `${name} at ${width}`).toEqual([])
        await page.screenshot({ path: join(PICTURES, `state-${name}-${theme}-${width}.png`) })
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 })
  }

  test('an empty library, and nothing playing', async () => {
    for (const [name, hash, words] of [
      ['empty-songs', '#/songs', 'No songs were published yet'],
      ['empty-albums', '#/albums', 'No albums here'],
      ['empty-now', '#/now', 'Nothing is playing'],
    ] as const) {
      await page.goto(`${empty.url('alone')}/${hash}`)
      await page.getByText(words).waitFor()
      await lookAt(name)
    }
  })

  test('long, unbroken, hostile and turned words, without covers: in lists, in the bar, large, and in the queue', async () => {
    for (const hash of ['#/albums', '#/artists', '#/songs']) {
      await page.goto(`${town.url('listener')}/${hash}`)
      await page.locator('.windowed > li').nth(4).waitFor()
      await lookAt(`words-${hash.slice(2)}`)
    }
    await page.locator('.song-row-play').filter({ hasText: LONG }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await lookAt('words-bar')
    await page.goto(`${town.url('listener')}/#/now`)
    await page.locator('.queue > li').first().waitFor()
    await lookAt('words-now')
    expect(await page.title()).toBe('EvaStream')
    expect(await page.locator('img[src="x"]').count()).toBe(0)
  })

  test('the sheet of keys', async () => {
    await page.locator('main').focus()
    await page.keyboard.press('?')
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await lookAt('keys')
    await page.keyboard.press('Escape')
  })

  test('the peer is gone: one line says so, and the library says why it is empty', async () => {
    await page.goto(`${town.url('listener')}/#/songs`)
    await page.locator('.song-row-play').filter({ hasText: RIGHT_TO_LEFT }).waitFor()
    await town.endPeer('listener')
    await page.locator('.song-row-play').filter({ hasText: RIGHT_TO_LEFT }).click()
    await page.getByText('The music does not come').first().waitFor()
    await lookAt('trouble')
    await page.getByRole('link', { name: 'Artists' }).click()
    await page.getByText('EvaStream does not answer').first().waitFor()
    await lookAt('trouble-library')
    expect(browser.troubles).toEqual([])
  })
})

/** Runs in the page: buttons, links and fields that stick out of the window. */
function cutOff(): string[] {
  return [...document.querySelectorAll('button, a, input, h1, h2')].flatMap(element => {
    const { left, right, width } = element.getBoundingClientRect()
    const isShown = width > 1 && !element.classList.contains('only-read-out') && element.closest('.shell-skip') === null
    return isShown && (left < -1 || right > window.innerWidth + 1) ? [`${element.outerHTML.slice(0, 120)} ${left} ${right}`] : []
  })
}
