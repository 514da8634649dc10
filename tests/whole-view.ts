// A window as wide as asked for and so high that the whole of a place stands in it, for a picture of all of it.
// Not how people see it: their place scrolls.

/// <reference lib="dom" />

import type { Page } from 'playwright-core'

const HEIGHT_MIN = 740
const HEIGHT_MAX = 4000

export async function fitHeight(page: Page, width: number): Promise<void> {
  await page.setViewportSize({ width, height: HEIGHT_MIN })
  const hidden = await page.evaluate(() => {
    const main = document.querySelector('main')
    return (main?.scrollHeight ?? 0) - (main?.clientHeight ?? 0)
  })
  await page.setViewportSize({ width, height: Math.min(HEIGHT_MAX, HEIGHT_MIN + hidden) })
}

/** How much wider than its room the place is. */
export const placeOverflowOn = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const main = document.querySelector('main')
    return (main?.scrollWidth ?? 0) - (main?.clientWidth ?? 0)
  })
