// Room for numbers side by side: how a table of many rows stays small, with a few bytes a row instead of an object.
// Not a table: what the rows mean is said where the columns stand.
// Invariant: a grown column begins with the old one's values, and the rest is zero.

interface Column<T> {
  readonly length: number
  set(values: T): void
}

const GROWTH = 1.25
const ROWS_MIN = 16

/** How many rows to have room for, when `rows` are needed: a quarter more than now, so that growing stays rare and slack small. */
export function roomFor(rows: number, room: number): number {
  return rows <= room ? room : Math.max(rows, ROWS_MIN, Math.ceil(room * GROWTH))
}

export function grown<T extends Column<T>>(column: T, length: number): T {
  const wider = new (column.constructor as new (length: number) => T)(length)
  wider.set(column)
  return wider
}
