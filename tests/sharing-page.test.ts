// The sharing switch on the page, in a real browser, with a real peer of the listener's and another that wants what it has.
// Not the switch's own calls (apps/peer-node/sharing/peer-sharing.test.ts).

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '@evastream/testkit/eventually'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriousFaults } from './axe-check.ts'
import { missingReason } from './installed-program.ts'
import { LoopbackTown } from './loopback-town.ts'
import { openPage, PageBrowser } from './page-browser.ts'

const PICTURES = 'tests/artefacts'

const missing = missingReason('chromium')
describe.skipIf(missing !== undefined)('the sharing switch on the page', () => {
  let town: LoopbackTown
  let browser: PageBrowser
  let page: Page

  beforeAll(async () => {
    town = await LoopbackTown.open()
    await mkdir(PICTURES, { recursive: true })
    await town.publish({ songId: 'one', sizeBytes: 300_000 })
    await town.publish({ songId: 'two', sizeBytes: 300_000, seed: 2 })
    await town.startPeer('listener')
    browser = await PageBrowser.open()
    page = await openPage(await browser.listener({ hasRead: false }), `${town.url('listener')}/#/songs`)
  })

  afterAll(async () => {
    await browser.close()
    await town.close()
  })

  test('a new listener sees the switch and what others would see, before anything is held or given', async () => {
    const notice = page.getByRole('complementary', { name: 'Sharing' })
    await notice.waitFor()
    const { uploadPort, sentBytes, songs } = await town.status('listener')
    expect([sentBytes, songs]).toEqual([0, []])
    expect(await notice.textContent()).toContain(`your address, 127.0.0.1, port ${uploadPort}`)
    expect(await notice.textContent()).toContain('none yet')
    expect(await notice.getByRole('radio', { name: 'On', exact: true }).isChecked()).toBe(true)
    for (const width of [320, 1440]) {
      await page.setViewportSize({ width, height: 740 })
      await page.screenshot({ path: join(PICTURES, `sharing-notice-${width}.png`) })
    }
    expect(await seriousFaults(page)).toEqual([])
  })

  test('receive only, by keyboard: nobody can connect any more, and nothing of what is fetched is given', async () => {
    const notice = page.getByRole('complementary', { name: 'Sharing' })
    await notice.getByRole('radio', { name: 'On', exact: true }).focus()
    await page.keyboard.press('ArrowRight')
    await eventually('the peer says so', async () => (await town.status('listener')).sharing === 'receive-only')
    await notice.getByText('You take from other listeners and give nothing').waitFor()
    await notice.getByRole('button', { name: 'Understood' }).click()
    await notice.waitFor({ state: 'detached' })
    await town.download('listener', 'one')
    await town.whenComplete('listener', 'one')
    await town.startPeer('other')
    await town.download('other', 'one')
    const { received } = await town.whenComplete('other', 'one')
    expect(received.peerBytes).toBe(0)
    expect((await town.status('listener')).sentBytes).toBe(0)
  })

  test('the peer starts anew: the choice still holds, and the page shows it; turned on, others get what is here', async () => {
    const port = new URL(town.url('listener')).port
    await town.endPeer('listener')
    await town.startPeer('listener', [`--http.port=${port}`])
    expect((await town.status('listener')).sharing).toBe('receive-only')
    await page.goto(`${town.url('listener')}/#/now`)
    const card = page.getByRole('region', { name: 'Sharing' })
    await eventually('it is shown', () => card.getByRole('radio', { name: 'Receive only' }).isChecked())
    await card.getByRole('radio', { name: 'On', exact: true }).check()
    await card.getByText('1 song', { exact: true }).waitFor()
    await card.getByText('These songs').click()
    await card.getByText('one: 5 of 5 chunks').waitFor()
    await page.screenshot({ path: join(PICTURES, 'sharing-on.png') })
    await town.startPeer('third', ['--sharing=receive-only'])
    await town.download('third', 'one')
    expect((await town.whenComplete('third', 'one')).received.peerBytes).toBeGreaterThan(0)
    expect(browser.troubles).toEqual([])
  })

  test('a page opened from elsewhere turns nothing', async () => {
    const elsewhere = await openPage(await browser.listener(), town.url('third'))
    const outcome = await elsewhere.evaluate(
      url => fetch(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"mode":"off"}' }).then(String, String),
      `${town.url('listener')}/api/sharing`,
    )
    expect(outcome).toContain('Failed to fetch')
    expect((await town.status('listener')).sharing).toBe('on')
  })
})
