import { describe, expect, test } from 'vitest'
import * as laws from './laws.ts'
import { sourceTree } from './source-tree.ts'

const INTRO = '// What it is.\n// What it is not.\n// Its invariant.\n'

function messages(law: laws.Law, texts: Record<string, string>): string[] {
  return law(sourceTree(new Map(Object.entries(texts)))).map(finding => `${finding.path}:${finding.line} ${finding.message}`)
}

describe('tidy', () => {
  test('sizes: a file of 401 lines breaks the law and one of 400 does not', () => {
    expect(messages(laws.sizes, { 'packages/core/long.ts': 'x\n'.repeat(401) })).toHaveLength(1)
    expect(messages(laws.sizes, { 'packages/core/long.ts': 'x\n'.repeat(400) })).toEqual([])
  })

  test('introductions: a file that begins with code breaks the law', () => {
    expect(messages(laws.introductions, { 'packages/core/mute.ts': 'export const a = 1\n' })).toHaveLength(1)
    expect(messages(laws.introductions, { 'packages/core/polite.ts': `${INTRO}export const a = 1\n` })).toEqual([])
  })

  test('names: drawers and camel case break the law', () => {
    expect(messages(laws.names, { 'packages/core/utils.ts': INTRO, 'packages/core/peerTable.ts': INTRO })).toHaveLength(2)
  })

  test('words: unfinished work, silenced checks, bare errors and synonyms break the law', () => {
    const bad = [
      '// TODO later',
      '// @ts-ignore',
      "throw new Error('no')",
      'test.only(',
      'promise.catch(() => undefined)',
      'const piece = 1',
    ]
    for (const line of bad) expect(messages(laws.words, { 'packages/core/bad.ts': `${INTRO}${line}\n` }), line).toHaveLength(1)
    expect(messages(laws.words, { 'packages/core/good.ts': `${INTRO}const chunk = 1\n` })).toEqual([])
  })

  test('ambient: the clock and chance break the law outside main.ts and the adapters, but not in a comment', () => {
    expect(messages(laws.ambient, { 'packages/clients/late.ts': `${INTRO}const a = Date.now()\n` })).toHaveLength(1)
    expect(messages(laws.ambient, { 'apps/peer-node/loop.ts': `${INTRO}setTimeout(run, 5)\n` })).toHaveLength(1)
    expect(messages(laws.ambient, { 'apps/peer-node/main.ts': `${INTRO}Date.now()\n` })).toEqual([])
    expect(messages(laws.ambient, { 'packages/clients/prose.ts': `${INTRO}// never Date.now() here\n` })).toEqual([])
  })

  test('purity: an engine that imports Node breaks the law', () => {
    expect(messages(laws.purity, { 'packages/engine/a.ts': `${INTRO}import { readFile } from 'node:fs'\n` })).toHaveLength(1)
  })

  test('floors: an arrow upwards or sideways breaks the law, types included', () => {
    const up = { 'packages/core/a.ts': "import type { B } from '@evastream/engine/b'\n", 'packages/engine/b.ts': INTRO }
    const sideways = { 'packages/engine/a.ts': "import { b } from '@evastream/protocol/b'\n", 'packages/protocol/b.ts': INTRO }
    const down = { 'packages/engine/a.ts': "import { b } from '@evastream/core/b'\n", 'packages/core/b.ts': INTRO }
    expect(messages(laws.floors, up)).toHaveLength(1)
    expect(messages(laws.floors, sideways)).toHaveLength(1)
    expect(messages(laws.floors, down)).toEqual([])
  })

  test('circles: two files that import each other break the law, type imports included', () => {
    const circle = { 'packages/core/a.ts': "import type { B } from './b.ts'\n", 'packages/core/b.ts': "import { a } from './a.ts'\n" }
    expect(messages(laws.circles, circle)).toHaveLength(1)
    expect(messages(laws.circles, { ...circle, 'packages/core/b.ts': INTRO })).toEqual([])
  })

  test('dead files: a file that only its test imports breaks the law', () => {
    const tree = { 'packages/core/a.ts': INTRO, 'packages/core/a.test.ts': "import { a } from './a.ts'\n" }
    expect(messages(laws.deadFiles, tree)).toHaveLength(1)
    expect(
      messages(laws.deadFiles, {
        ...tree,
        'packages/core/b.ts': "import { a } from './a.ts'\n",
        'apps/evastream/main.ts': "import '@evastream/core/b'\n",
      }),
    ).toEqual([])
  })
})
