// Two listeners on one gateway, in real browsers of their own against a real `evastream serve`: neither disturbs the other.
// Not the operator's place (manage-page.test.ts), and not serve itself (serve.test.ts).

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceProcess } from '@evastream/cli/demo/service-process'
import { eventually } from '@evastream/testkit/eventually'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { taggedMp3, taggedSongs } from './cover-art.ts'
import { missingReason } from './installed-program.ts'
import { heardOn, openPage, PageBrowser, sounds } from './page-browser.ts'

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('two listeners on one gateway', () => {
  let root = ''
  let house: ServiceProcess
  let browser: PageBrowser
  let ann: Page
  let ben: Page

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'evastream-gateway-'))
    await mkdir(join(root, 'music'))
    const songs = taggedSongs().filter(({ album }) => album === 'Harbour Lights' || album === 'Winter Garden')
    for (const song of songs) await writeFile(join(root, `music/${song.songId}.mp3`), await taggedMp3(song))
    const args = [join(root, 'music'), `--data=${join(root, 'data')}`, '--port=0', '--scan.settleMs=100']
    house = await ServiceProcess.start({ name: 'serve', verb: 'serve', args, logDirectory: root })
    await eventually('all songs are there', async () => {
      const reply = await fetch(`${house.url}/api/library/songs?limit=1`)
      return ((await reply.json()) as { total: number }).total === songs.length
    })
    browser = await PageBrowser.open()
    ann = await openPage(await browser.listener(), `${house.url}/#/songs?album=Harbour+Lights`)
    ben = await openPage(await browser.listener(), `${house.url}/#/songs?album=Winter+Garden`)
  })

  afterAll(async () => {
    await browser.close()
    await house.stop()
    await rm(root, { recursive: true, force: true })
  })

  const queueOf = async (page: Page): Promise<string[]> => {
    const listener = await page.evaluate(() => window.sessionStorage.getItem('evastream.listener'))
    const reply = await fetch(`${house.url}/api/queue?listener=${listener}`)
    return ((await reply.json()) as { songIds: string[] }).songIds
  }
  const shownNext = (page: Page) => page.locator('.queue li .song-row-words > :first-child').allTextContents()

  test('each plays an album of their own: both hear music, and each has what comes next of the own album', async () => {
    for (const page of [ann, ben]) {
      await page.locator('.song-row-play').first().click()
      await page.getByRole('link', { name: 'Now playing', exact: true }).click()
    }
    await Promise.all([sounds(ann), sounds(ben)])
    await eventually('both queues are known', async () => (await queueOf(ann)).length === 3 && (await queueOf(ben)).length === 2)
    const [annsNext, bensNext] = [await shownNext(ann), await shownNext(ben)]
    expect([annsNext.length, bensNext.length]).toEqual([3, 2])
    expect(annsNext.filter(title => bensNext.includes(title))).toEqual([])
  })

  test('one goes on and shuffles: the other hears on, with the queue as it was', async () => {
    const before = { next: await shownNext(ben), queue: await queueOf(ben), path: (await heardOn(ben)).path }
    await ann.getByRole('button', { name: 'Next song' }).first().click()
    await ann.getByRole('button', { name: 'Shuffle' }).first().click()
    await eventually('the shuffled order is known', async () => (await queueOf(ann)).length === 3)
    await Promise.all([sounds(ann), sounds(ben)])
    expect({ next: await shownNext(ben), queue: await queueOf(ben), path: (await heardOn(ben)).path }).toEqual(before)
    expect((await heardOn(ann)).path).not.toBe(before.path)
  })

  test('the page says plainly that a gateway plays, and that its operator decides what is shared', async () => {
    await ann.getByText("Played through the operator's gateway").first().waitFor()
    await ann.getByText('is for the operator to decide').waitFor()
    expect(await ann.getByRole('radio').count()).toBe(0)
    expect(browser.troubles).toEqual([])
  })
})
