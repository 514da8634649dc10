// A row of a bench's table: a figure, the bar it is held to, and whether it holds.
// Not the measuring.
// Invariant: a figure that is no number misses its bar.

export interface BenchRow {
  readonly what: string
  readonly figure: number
  readonly unit: string
  readonly bar: { readonly atLeast: number } | { readonly atMost: number }
  /** What else was seen, in words. */
  readonly detail: string
}

export function isMet({ figure, bar }: BenchRow): boolean {
  return 'atLeast' in bar ? figure >= bar.atLeast : figure <= bar.atMost
}

export function barWords({ bar, unit }: BenchRow): string {
  return `${'atLeast' in bar ? `≥ ${rounded(bar.atLeast)}` : `≤ ${rounded(bar.atMost)}`} ${unit}`
}

export function benchTable(rows: readonly BenchRow[]): string {
  const cells = rows.map(row => [row.what, `${format(row.figure)} ${row.unit}`, barWords(row), isMet(row) ? 'met' : 'MISSED', row.detail])
  return linedUp([['what', 'figure', 'held to', 'result', 'detail'], ...cells])
}

/** Lines whose columns begin below one another; the last column may be of any width. */
export function linedUp(lines: readonly (readonly string[])[]): string {
  const count = Math.max(...lines.map(line => line.length)) - 1
  const widths = Array.from({ length: count }, (_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  return lines
    .map(line =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function format(figure: number): string {
  return figure >= 100 ? figure.toFixed(0) : figure.toFixed(2)
}

function rounded(bar: number): number {
  return Number(bar.toFixed(2))
}
