// Medians, and a row of the bench's table: a figure, the bar it is held to, and whether it holds.
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
  return `${'atLeast' in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`} ${unit}`
}

export function benchTable(rows: readonly BenchRow[]): string {
  const cells = rows.map(row => [row.what, `${format(row.figure)} ${row.unit}`, barWords(row), isMet(row) ? 'met' : 'MISSED', row.detail])
  const all = [['what', 'figure', 'held to', 'result', 'detail'], ...cells]
  const widths = [0, 1, 2, 3].map(column => Math.max(...all.map(line => line[column]?.length ?? 0)))
  return all
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
