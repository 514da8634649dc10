// The law of the house, as functions from a source tree to findings.
// Not style: the formatter and the linter have that, function sizes included. Not a judge of taste.
// Invariant: each law can fail, and tidy.test.ts shows it failing.

import { isTest, type SourceFile, type SourceTree, workspaceOf } from './source-tree.ts'

interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

export type Law = (tree: SourceTree) => Finding[]

const FILE_LINES_MAX = 400
const TEST_LINES_MAX = 600
const INTRO_LINES_MIN = 2

/** Lower floors may not import higher ones; equal floors do not know each other (save themselves). */
const FLOORS: Readonly<Record<string, number>> = {
  'packages/core': 1,
  'packages/engine': 2,
  'packages/protocol': 2,
  'packages/service-kit': 3,
  'packages/clients': 4,
  'packages/swarm-board': 5,
  'packages/simulator': 4,
  'packages/testkit': 5,
  'apps/metadata-service': 6,
  'apps/tracker-service': 6,
  'apps/origin-server': 6,
  'apps/preprocessor': 6,
  'apps/peer-node': 6,
  'apps/web': 6,
  'apps/music-library': 6,
  'apps/evastream': 7,
  scripts: 8,
  bench: 8,
  tests: 9,
}

const PURE_HOUSES = new Set(['packages/core', 'packages/engine', 'packages/protocol', 'packages/simulator'])

/** The few adapters in which time and chance may enter, besides every app's main.ts. */
const CLOCK_FILES: ReadonlySet<string> = new Set(['packages/service-kit/system-clock.ts', 'packages/service-kit/token-generator.ts'])

/** What nobody imports and a program or a page begins with. */
const DOORS: ReadonlySet<string> = new Set(['apps/evastream/main.ts', 'apps/web/main.tsx', 'apps/web/vite.config.ts'])

const AMBIENT =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\bsetTimeout\b|\bsetInterval\b|\brandomBytes\b|\brandomUUID\b|\bprocess\.hrtime\b/

const BANNED_NAMES = /(^|\/)(utils?|helpers?|common|types|misc|index)\.tsx?$/

const BANNED_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(TODO|FIXME|XXX|HACK)\b/, 'finish it, or write an issue'],
  [/@ts-(ignore|expect-error|nocheck)|biome-ignore|oxlint-disable|eslint-disable/, 'fix the cause'],
  [/\bthrow new Error\(/, 'throw an EvaError with a code'],
  [/\.(skip|only)\(/, 'every test runs; skipIf names its reason'],
  [/\.catch\(\(\) => (\{\s*\}|undefined)\)|catch\s*(\(\w+\))?\s*\{\s*\}/, 'handle the error, or say in a comment why none is needed'],
  [/\b[Pp]ieces?\b|\b[Ss]egments?\b/, 'the word is chunk'],
]

export const sizes: Law = tree =>
  each(tree, file => {
    const max = isTest(file.path) ? TEST_LINES_MAX : FILE_LINES_MAX
    const count = file.lines.length - 1
    return count > max ? [finding(file, max, `has ${count} lines, ${max} are allowed: split it by noun`)] : []
  })

export const introductions: Law = tree =>
  each(tree, file => {
    if (isTest(file.path)) return []
    const lines = file.text.startsWith('#!') ? file.lines.slice(1) : file.lines
    const first = lines.findIndex(line => !line.startsWith('//'))
    return first >= INTRO_LINES_MIN || (first >= 1 && file.lines.length < 20)
      ? []
      : [finding(file, 1, 'does not introduce itself: say what it is, what it is not and its invariant')]
  })

export const names: Law = tree =>
  each(tree, file => [
    ...(BANNED_NAMES.test(file.path) ? [finding(file, 1, 'is a drawer, not a noun: name it after what it holds')] : []),
    ...(/[A-Z_]/.test(file.path.split('/').pop() ?? '') ? [finding(file, 1, 'is not in kebab-case')] : []),
  ])

export const words: Law = tree =>
  each(tree, file => {
    // The benches of other systems speak those systems' words.
    if (/^(scripts\/tidy|bench\/against)\//.test(file.path)) return []
    return file.lines.flatMap((line, index) => {
      const hit = BANNED_WORDS.find(([expression]) => expression.test(line))
      return hit === undefined ? [] : [finding(file, index + 1, `"${line.trim().slice(0, 60)}": ${hit[1]}`)]
    })
  })

export const ambient: Law = tree =>
  each(tree, file => {
    const house = workspaceOf(file.path)
    const isRim = CLOCK_FILES.has(file.path) || (house.startsWith('apps/') && /^\/main\.tsx?$/.test(file.path.slice(house.length)))
    if (isRim || isTest(file.path) || !/^(apps|packages)\//.test(house)) return []
    return file.code.split('\n').flatMap((line, index) => {
      const hit = AMBIENT.exec(line)
      return hit === null ? [] : [finding(file, index + 1, `${hit[0]}: time and chance are arguments`)]
    })
  })

export const purity: Law = tree =>
  each(tree, file => {
    if (!PURE_HOUSES.has(workspaceOf(file.path)) || isTest(file.path)) return []
    return file.lines.flatMap((line, index) =>
      /from ['"]node:/.test(line) ? [finding(file, index + 1, 'a pure package imports nothing of Node')] : [],
    )
  })

export const floors: Law = tree =>
  each(tree, file => {
    const here = workspaceOf(file.path)
    const floor = FLOORS[here]
    if (floor === undefined) return file.path.includes('/') ? [finding(file, 1, `stands on no floor: add "${here}" to the law`)] : []
    return file.imports.flatMap(path => {
      const there = workspaceOf(path)
      if (there === here || (isTest(file.path) && there === 'packages/testkit')) return []
      const below = FLOORS[there]
      return below !== undefined && below < floor
        ? []
        : [finding(file, lineOf(file, path), `${here} may not import ${there}: arrows point downwards`)]
    })
  })

export const circles: Law = tree => {
  const state = new Map<string, 'open' | 'done'>()
  const found: Finding[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      const circle = [...trail.slice(trail.indexOf(path)), path]
      found.push({ path, line: 1, message: `stands in a circle: ${circle.join(' → ')}` })
      return
    }
    state.set(path, 'open')
    for (const next of tree.get(path)?.imports ?? []) visit(next, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of tree.keys()) visit(path, [])
  return found
}

/** Files that nobody imports and nobody starts. */
export const deadFiles: Law = tree => {
  const imported = new Set<string>()
  for (const file of tree.values())
    if (!isTest(file.path) || file.path.startsWith('tests/')) for (const path of file.imports) imported.add(path)
  const importedByTests = new Set([...tree.values()].flatMap(file => file.imports))
  return each(tree, file => {
    const isDoor = isTest(file.path) || !/^(apps|packages)\//.test(file.path) || DOORS.has(file.path)
    const isUsed = file.path.startsWith('packages/testkit/') ? importedByTests.has(file.path) : imported.has(file.path)
    return isDoor || isUsed ? [] : [finding(file, 1, 'is imported by nothing that runs: delete it, or use it')]
  })
}

export const LAWS: readonly Law[] = [sizes, introductions, names, words, ambient, purity, floors, circles, deadFiles]

function each(tree: SourceTree, judge: (file: SourceFile) => Finding[]): Finding[] {
  return [...tree.values()].flatMap(judge)
}

function finding(file: SourceFile, line: number, message: string): Finding {
  return { path: file.path, line, message }
}

function lineOf(file: SourceFile, imported: string): number {
  const name =
    imported
      .split('/')
      .pop()
      ?.replace(/\.tsx?$/, '') ?? imported
  return (
    Math.max(
      0,
      file.lines.findIndex(line => line.includes('from ') && line.includes(name)),
    ) + 1
  )
}
