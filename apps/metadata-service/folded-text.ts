// Text as people search and sort it: without case, accents and width.
// Not for display, and not for telling songs apart.
// Invariant: pure, and folding what is folded changes nothing.

/** `Straße` and `STRASSE`, `Björk` and `bjork`, `Ｆｕｌｌ` and `full` become the same text. */
export function folded(text: string): string {
  // Upper case first: it has fewer shapes (ß → SS, ς and σ → Σ).
  const plain = text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toUpperCase()
    .toLowerCase()
  return plain.normalize('NFKD').replace(/[\u0300-\u036f]/g, '')
}

/** The words of a query, folded, each once. */
export function foldedWords(query: string): string[] {
  return [
    ...new Set(
      folded(query)
        .split(/\s+/u)
        .filter(word => word !== ''),
    ),
  ]
}

/** A LIKE pattern (escape character `\`) for texts that contain the word as it stands. */
export function containing(word: string): string {
  return `%${beginning(word)}`
}

/** The same for texts that begin with it. */
export function beginning(word: string): string {
  return `${word.replace(/[\\%_]/g, '\\$&')}%`
}
