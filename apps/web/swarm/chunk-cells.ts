// Who holds which chunk, read from the bitmaps that the server sends, in as many columns as can be seen.
// Not the drawing.
// Invariant: a cell is full when every chunk in it is held, empty when none is.

const RANGES_MAX = 8

/** Of 0 to 1 for each of at most `columnsMax` columns: how much of the chunks in it is held. */
export function cellsOf(bitmap: string, chunkCount: number, columnsMax: number): number[] {
  const isHeld = holderOf(bitmap)
  return columnsOf(chunkCount, columnsMax, chunk => (isHeld(chunk) ? 1 : 0))
}

/** The chunks that a peer holds, in order. */
export function heldChunks(bitmap: string, chunkCount: number): number[] {
  const isHeld = holderOf(bitmap)
  return Array.from({ length: chunkCount }, (_, chunk) => chunk).filter(isHeld)
}

/** For each number of copies, the chunks that are held as often, the rarest first. */
export function chunksByCopies(availability: readonly number[]): (readonly [number, number[]])[] {
  const chunks = new Map<number, number[]>()
  for (const [chunk, copies] of availability.entries()) {
    const same = chunks.get(copies) ?? []
    same.push(chunk)
    chunks.set(copies, same)
  }
  return [...chunks].sort(([one], [other]) => one - other)
}

/** `0–3, 7`: of numbers in order; of many ranges the first ones, and how many follow. */
export function rangesText(numbers: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === number - 1) last[1] = number
    else ranges.push([number, number])
  }
  const shown = ranges.slice(0, RANGES_MAX).map(([first, end]) => (first === end ? `${first}` : `${first}–${end}`))
  return shown.join(', ') + (ranges.length > RANGES_MAX ? ` and ${ranges.length - RANGES_MAX} stretches more` : '')
}

function holderOf(bitmap: string): (chunk: number) => boolean {
  const bytes = Uint8Array.from(atob(bitmap), letter => letter.charCodeAt(0))
  return chunk => ((bytes[chunk >> 3] ?? 0) & (0x80 >> (chunk & 7))) !== 0
}

/** The least availability in each column: the chunk that would be lost first. */
export function rarestOf(availability: readonly number[], columnsMax: number): number[] {
  const columns = Math.min(columnsMax, availability.length)
  return Array.from({ length: columns }, (_, column) => {
    const [first, end] = boundsOf(column, columns, availability.length)
    return Math.min(...availability.slice(first, end))
  })
}

function columnsOf(chunkCount: number, columnsMax: number, held: (chunk: number) => number): number[] {
  const columns = Math.min(columnsMax, chunkCount)
  return Array.from({ length: columns }, (_, column) => {
    const [first, end] = boundsOf(column, columns, chunkCount)
    let sum = 0
    for (let chunk = first; chunk < end; chunk++) sum += held(chunk)
    return sum / (end - first)
  })
}

function boundsOf(column: number, columns: number, chunkCount: number): readonly [number, number] {
  return [Math.floor((column * chunkCount) / columns), Math.floor(((column + 1) * chunkCount) / columns)]
}
