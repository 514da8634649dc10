// Who holds which chunk, read from the bitmaps that the server sends, in as many columns as can be seen.
// Not the drawing.
// Invariant: a cell is full when every chunk in it is held, empty when none is.

/** Of 0 to 1 for each of at most `columnsMax` columns: how much of the chunks in it is held. */
export function cellsOf(bitmap: string, chunkCount: number, columnsMax: number): number[] {
  const bytes = Uint8Array.from(atob(bitmap), letter => letter.charCodeAt(0))
  return columnsOf(chunkCount, columnsMax, chunk => ((bytes[chunk >> 3] ?? 0) & (0x80 >> (chunk & 7)) ? 1 : 0))
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
