// What axe finds in a page as it stands: only what is serious, each with where.
// Not a judgement of beauty: pictures are looked at by people.

/// <reference lib="dom" />

import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** A line for each rule that is broken seriously; none is as it should be. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { axe: judge } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
    }
    const { violations } = await judge.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
  })
}
