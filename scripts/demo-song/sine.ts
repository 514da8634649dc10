// A sine by table: phase in turns, not radians.
// Faster than Math.sin and the same on every engine to the last bit that matters here.
// Invariant: error below one part in a million; any finite phase is allowed.

const tableSize = 4096
const table = Float64Array.from({ length: tableSize + 1 }, (_, index) => Math.fround(Math.sin((2 * Math.PI * index) / tableSize)))

/** One full wave per unit of phase. */
export function sine(turns: number): number {
  const position = (turns - Math.floor(turns)) * tableSize
  const index = Math.floor(position)
  const low = table[index] ?? 0
  const high = table[index + 1] ?? 0
  return low + (high - low) * (position - index)
}
