// What the umbrella bench measured last, group by group, in bench/results: figures.json with everything, figures.md to look at.
// Not the printing of a run.
// Invariant: each group says at which commit and on which day it was measured; measuring one leaves the others as they are.

import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import type { Comparison } from './against/side-by-side.ts'
import { type BenchRow, barWords, format, isMet } from './bench-row.ts'
import { machineLoad } from './transfer/process-figures.ts'

export interface GroupOfRows {
  readonly name: string
  readonly runCount: number
  readonly rows: readonly BenchRow[]
}

export interface BenchResults {
  keepRows(group: GroupOfRows): Promise<void>
  keepComparison(crowd: string, runCount: number, compared: readonly Comparison[]): Promise<void>
}

interface Circumstances {
  readonly day: string
  readonly commit: string
  readonly machine: string
  /** Processes that ran or waited to over the last minute, ours included: beyond the processors, times say little. */
  readonly load: number
  readonly runCount: number
}

interface KeptFile {
  rows: Record<string, Circumstances & { readonly rows: readonly BenchRow[] }>
  against: Record<string, Circumstances & { readonly compared: readonly Comparison[] }>
}

export class ResultsDirectory implements BenchResults {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async keepRows({ name, runCount, rows }: GroupOfRows): Promise<void> {
    const kept = await this.#read()
    kept.rows[name] = { ...circumstances(runCount), rows }
    await this.#write(kept)
  }

  async keepComparison(crowd: string, runCount: number, compared: readonly Comparison[]): Promise<void> {
    const kept = await this.#read()
    kept.against[crowd] = { ...circumstances(runCount), compared }
    await this.#write(kept)
  }

  async #read(): Promise<KeptFile> {
    try {
      return JSON.parse(await readFile(join(this.#directory, 'figures.json'), 'utf8')) as KeptFile
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { rows: {}, against: {} }
      throw thrown
    }
  }

  async #write(kept: KeptFile): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    await writeFile(join(this.#directory, 'figures.json'), `${JSON.stringify(kept, undefined, 2)}\n`)
    await writeFile(join(this.#directory, 'figures.md'), markdownOf(kept))
  }
}

function circumstances(runCount: number): Circumstances {
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, Linux ${release()}, Node ${process.versions.node}`
  const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', cwd: import.meta.dirname }).trim()
  return { day: new Date().toISOString().slice(0, 10), commit, machine, load: machineLoad(), runCount }
}

function markdownOf({ rows, against }: KeptFile): string {
  const rowLines = Object.values(rows).flatMap(group =>
    group.rows.map(row => {
      const figure = `${format(row.figure)} ${row.unit}`
      return tableLine([row.what, figure, barWords(row), isMet(row) ? 'met' : '**missed**', row.detail, placeOf(group)])
    }),
  )
  const againstLines = Object.values(against).flatMap(group =>
    group.compared.map(({ what, system, middle, obstacle }) => {
      const figures = [middle?.originCopies, middle?.seconds, middle?.firstSeconds, middle?.cpuSecondsPerGb]
      return tableLine([what, system, ...figures.map(figure => figure?.toFixed(2) ?? '–'), obstacle ?? '', placeOf(group)])
    }),
  )
  return [
    '# The last figures',
    'Written by `npm run bench`; [docs/performance.md](../../docs/performance.md) explains them.',
    [tableLine(['what', 'figure', 'held to', 'result', 'detail', 'measured']), ruleOf(6), ...rowLines].join('\n'),
    '## Side by side',
    [tableLine(['crowd', 'system', 'copies', 'seconds', 'first s', 'CPU-s/GB', '', 'measured']), ruleOf(8), ...againstLines].join('\n'),
    '',
  ].join('\n\n')
}

function placeOf({ commit, day, load, runCount }: Circumstances): string {
  return `${commit}, ${day}, ${runCount} runs, load ${load}`
}

function ruleOf(columns: number): string {
  return tableLine(Array.from({ length: columns }, () => '---'))
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
