// The repository's TypeScript as the law sees it: paths, texts and who imports whom.
// Not a parser: imports in this house have one spelling, and a file that spells them otherwise does not compile.
// Invariant: paths are relative to the root, with forward slashes.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'

export interface SourceFile {
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** The text without comments and string contents: what runs. */
  readonly code: string
  /** Paths in the tree that it imports, types included. */
  readonly imports: readonly string[]
}

export type SourceTree = ReadonlyMap<string, SourceFile>

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s+['"]([^'"]+)['"]|(?:^|\n)\s*import\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

export function readSourceTree(root: string): SourceTree {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', '*.ts', '*.tsx'], {
    cwd: root,
    encoding: 'utf8',
  })
  const texts = new Map<string, string>()
  for (const path of new Set(listed.split('\0'))) {
    if (path === '') continue
    try {
      texts.set(path, readFileSync(posix.join(root, path), 'utf8'))
    } catch (error) {
      // Deleted and not yet committed: the index still lists it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return sourceTree(texts)
}

export function sourceTree(texts: ReadonlyMap<string, string>): SourceTree {
  const tree = new Map<string, SourceFile>()
  for (const [path, text] of texts) {
    const imports = [...text.matchAll(IMPORT)].flatMap(match => resolveImport(path, match[1] ?? match[2] ?? match[3] ?? '', texts))
    tree.set(path, { path, text, lines: text.split('\n'), code: codeOf(text), imports })
  }
  return tree
}

/** The workspace a file belongs to, such as `packages/core`; its first folder when it belongs to none. */
export function workspaceOf(path: string): string {
  const [street = '', house = ''] = path.split('/')
  return street === 'apps' || street === 'packages' ? `${street}/${house}` : street
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.test.tsx') || path.startsWith('tests/')
}

function resolveImport(from: string, specifier: string, texts: ReadonlyMap<string, string>): string[] {
  if (specifier.startsWith('.')) {
    const path = posix.normalize(posix.join(posix.dirname(from), specifier))
    return texts.has(path) ? [path] : []
  }
  const [, workspace, rest] = /^@evastream\/([^/]+)\/(.+)$/.exec(specifier) ?? []
  if (workspace === undefined || rest === undefined) return []
  const house = workspace === 'cli' ? 'evastream' : workspace
  return [`packages/${house}/${rest}.ts`, `apps/${house}/${rest}.ts`].filter(path => texts.has(path))
}

/** Comments and the insides of strings blanked, line breaks kept, so that a word in prose is not taken for code. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, match => match.replace(/[^\n]/g, ' '))
}
