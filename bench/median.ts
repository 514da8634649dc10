// The middle of a few figures: what a bench reports of its runs.
// Not a mean: one run on a busy machine does not move it.
// Invariant: it is a figure that was measured; of an even number the upper of the two in the middle, and NaN of none.

export function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN
}
