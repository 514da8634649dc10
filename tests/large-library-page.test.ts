// Ten thousand songs on the page, in a real browser, from a real metadata service: what is in the page, and which rows.
// Not how fast it scrolls (docs/performance.md), which no test judges.

import { mkdir } from 'node:fs/promises'
import type { Manifest } from '@evastream/core/manifest'
import { rowOfSong } from '@evastream/metadata-service/song-rows'
import { openSqliteCatalog } from '@evastream/metadata-service/sqlite-dialect'
import { eventually } from '@evastream/testkit/eventually'
import { songFixture } from '@evastream/testkit/song-fixture'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingReason } from './installed-program.ts'
import { LoopbackTown } from './loopback-town.ts'
import { openPage, PageBrowser } from './page-browser.ts'

const SONG_COUNT = 10_000
const ALBUM_LENGTH = 10
const ROWS_PER_INSERT = 200
const ROWS_MAX = 60

const numbered = (word: string, number: number): string => `${word} ${String(number).padStart(5, '0')}`

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('ten thousand songs on the page', () => {
  let town: LoopbackTown
  let browser: PageBrowser
  let page: Page

  beforeAll(async () => {
    town = await LoopbackTown.make()
    await mkdir(town.path('metadata'))
    await keepMany(town.path('metadata'))
    await town.startMetadata()
    await town.startPeer('listener', ['--tracker=http://127.0.0.1:9', '--origin=http://127.0.0.1:9', '--sharing=off'])
    browser = await PageBrowser.open()
    page = await openPage(await browser.listener(), `${town.url('listener')}/#/songs`)
  })

  afterAll(async () => {
    await browser.close()
    await town.close()
  })

  const titles = () => page.locator('.windowed > li .song-row-words > :first-child').allTextContents()
  const scrollTo = (ratio: number) =>
    page.evaluate(to => {
      const main = document.querySelector('main')
      main?.scrollTo(0, to * (main.scrollHeight - main.clientHeight))
    }, ratio)

  test('wherever it is scrolled to: a few screens of rows are in the page, and they are the right ones', async () => {
    for (const ratio of [0, 0.25, 0.5, 0.999, 1, 0.1]) {
      await scrollTo(ratio)
      const expected = Math.round(ratio * (SONG_COUNT - 10))
      await eventually(`the rows at ${ratio}`, async () => {
        const shown = await titles()
        const [first, last] = [shown[0] ?? '', shown.at(-1) ?? '']
        return first <= numbered('Song', expected + 12) && last >= numbered('Song', expected - 12) && shown.length >= 10
      })
      const shown = await titles()
      expect(shown).toEqual([...shown].sort())
      expect(await page.locator('.windowed > li').count()).toBeLessThanOrEqual(ROWS_MAX)
    }
    await scrollTo(1)
    await page.getByText(numbered('Song', SONG_COUNT - 1), { exact: true }).waitFor()
    expect(await page.locator('.windowed > li').last().getAttribute('aria-posinset')).toBe(String(SONG_COUNT))
  })

  test('typed letter by letter: what was typed last is what is shown, from the top', async () => {
    await page.keyboard.press('/')
    await page.keyboard.type('song 01234')
    await eventually('one song', async () => (await titles()).join() === numbered('Song', 1234))
    await page.keyboard.press('Backspace')
    // Ten that begin so, and Song 00123.
    await eventually('eleven songs', async () => (await titles()).length === 11)
    expect((await titles()).every(title => title.includes('0123'))).toBe(true)
    await page.getByLabel('Search the library').fill('nothing is called this')
    await page.getByText('Nothing was found for').waitFor()
    await page.getByLabel('Search the library').fill('')
    await page.getByText(numbered('Song', 0), { exact: true }).waitFor()
  })

  test('a thousand albums and a thousand artists: as few entries at once', async () => {
    for (const [tab, last] of [
      ['albums', numbered('Album', SONG_COUNT / ALBUM_LENGTH - 1)],
      ['artists', numbered('Artist', SONG_COUNT / ALBUM_LENGTH - 1)],
    ] as const) {
      await page.goto(`${town.url('listener')}/#/${tab}`)
      await page.locator('.windowed > li').first().waitFor()
      await scrollTo(1)
      await page.getByText(last, { exact: true }).first().waitFor()
      expect(await page.locator('.windowed > li').count()).toBeLessThanOrEqual(2 * ROWS_MAX)
    }
    expect(browser.troubles).toEqual([])
  })
})

/** Straight into the metadata service's own tables: ten thousand publications would be ten thousand transactions. */
async function keepMany(directory: string): Promise<void> {
  const database = await openSqliteCatalog(directory)
  const rows = Array.from({ length: SONG_COUNT }, (_, number) => rowOfSong(aManifest(number), `digest-${number}`))
  await database.sql.transaction().execute(async queries => {
    for (let at = 0; at < rows.length; at += ROWS_PER_INSERT)
      await queries
        .insertInto('song')
        .values(rows.slice(at, at + ROWS_PER_INSERT))
        .execute()
  })
  await database.close()
}

function aManifest(number: number): Manifest {
  const group = Math.floor(number / ALBUM_LENGTH)
  const tags = { title: numbered('Song', number), artist: numbered('Artist', group), album: numbered('Album', group) }
  const { manifest } = songFixture({ songId: `song-${number}`, fileSize: 100, durationMs: 180_000, mimeType: 'audio/mpeg' })
  return { ...manifest, ...tags }
}
