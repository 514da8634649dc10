// "Did you mean …?": the known name nearest to one that is not known.
// Not a search: past a third of its letters a name is simply another.
// Invariant: pure, and the same answer for the same names in whatever order.

/** @returns the closest of `known`, undefined when none is close. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = plain(name)
  const distanceMax = Math.max(1, Math.floor(wanted.length / 3))
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const candidate of [...known].sort()) {
    const distance = isBeginningOf(name, candidate) ? 1 : editDistance(wanted, plain(candidate))
    if (distance <= distanceMax && (best === undefined || distance < best.distance)) best = { name: candidate, distance }
  }
  return best?.name
}

/** Names that differ only in case, dashes, dots and underscores are the same to a person. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-._]/g, '').slice(0, 64)
}

/** `peer` of `peer.id`, `token` of `token-file`. */
function isBeginningOf(name: string, candidate: string): boolean {
  return name !== '' && (candidate.startsWith(`${name}.`) || candidate.startsWith(`${name}-`))
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = at(previous, column - 1) + (left[row - 1] === right[column - 1] ? 0 : 1)
      let cost = Math.min(replaced, at(previous, column) + 1, at(current, column - 1) + 1)
      const isSwap = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (isSwap) cost = Math.min(cost, at(beforePrevious, column - 2) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, right.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
