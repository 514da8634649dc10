// The Range header read (RFC 9110, section 14): which bytes of a file it asks for, as one part or several.
// Not the conditions around it (conditional-request.ts) and not the multipart body (multipart-ranges.ts).
// Invariant: a part never names a byte outside the file, parts never overlap, and what is not understood asks for the whole.

export interface BytePart {
  readonly firstByte: number
  /** At least 1. */
  readonly lengthBytes: number
}

export type RangeAnswer =
  | { readonly kind: 'whole' }
  | ({ readonly kind: 'part' } & BytePart)
  /** Two parts or more, in the order in which they were asked for. */
  | { readonly kind: 'parts'; readonly parts: readonly BytePart[] }
  | { readonly kind: 'unsatisfiable' }

const WHOLE: RangeAnswer = Object.freeze({ kind: 'whole' })
const UNSATISFIABLE: RangeAnswer = Object.freeze({ kind: 'unsatisfiable' })

const BYTES_UNIT_EXPRESSION = /^bytes=(.*)$/is
const RANGE_EXPRESSION = /^(?:(\d+)-(\d*)|-(\d+))$/
/** Parts with no more than this between them are sent as one: another part's head is about as long (RFC 9110, section 15.3.7.2). */
const GAP_BYTES = 128

/**
 * The parts that a Range header asks for, at most `partsMax` of them. Anything malformed, reversed, in another unit, or with more
 * ranges than that, asks for the whole; ranges past the end are left out, and when none is left it cannot be satisfied.
 */
export function parseByteRanges(header: string, sizeBytes: number, partsMax = 1): RangeAnswer {
  const list = BYTES_UNIT_EXPRESSION.exec(header)?.[1]
  if (list === undefined) return WHOLE
  // RFC 9110, section 5.6.1: a list may have empty elements, and they do not count.
  const texts = list
    .split(',')
    .map(text => text.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter(text => text !== '')
  if (texts.length === 0 || texts.length > partsMax) return WHOLE
  const wished: BytePart[] = []
  for (const text of texts) {
    const part = parseRange(text, sizeBytes)
    if (part === undefined) return WHOLE
    if (part !== 'unsatisfiable') wished.push(part)
  }
  const parts = coalesced(wished)
  const [first] = parts
  if (first === undefined) return UNSATISFIABLE
  return parts.length === 1 ? { kind: 'part', ...first } : { kind: 'parts', parts }
}

/** @returns undefined for what is no range. */
function parseRange(text: string, sizeBytes: number): BytePart | 'unsatisfiable' | undefined {
  const match = RANGE_EXPRESSION.exec(text)
  if (match === null) return undefined
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const lengthBytes = Math.min(Number(suffix), sizeBytes)
    return lengthBytes === 0 ? 'unsatisfiable' : { firstByte: sizeBytes - lengthBytes, lengthBytes }
  }
  const firstByte = Number(first)
  const lastByte = last === undefined || last === '' ? Number.POSITIVE_INFINITY : Number(last)
  if (lastByte < firstByte) return undefined
  if (firstByte >= sizeBytes) return 'unsatisfiable'
  return { firstByte, lengthBytes: Math.min(lastByte, sizeBytes - 1) - firstByte + 1 }
}

/** Parts that overlap or nearly touch become one, in the place of the first of them. */
function coalesced(wished: readonly BytePart[]): BytePart[] {
  const parts: BytePart[] = []
  for (const wish of wished) {
    let merged = wish
    let place = parts.length
    for (let index = parts.length - 1; index >= 0; index--) {
      const other = parts[index]
      if (other === undefined || !isNear(other, merged)) continue
      merged = union(other, merged)
      parts.splice(index, 1)
      place = index
      // The longer one may reach parts that were looked at already.
      index = parts.length
    }
    parts.splice(place, 0, merged)
  }
  return parts
}

function isNear(a: BytePart, b: BytePart): boolean {
  return a.firstByte <= b.firstByte + b.lengthBytes + GAP_BYTES && b.firstByte <= a.firstByte + a.lengthBytes + GAP_BYTES
}

function union(a: BytePart, b: BytePart): BytePart {
  const firstByte = Math.min(a.firstByte, b.firstByte)
  const endByte = Math.max(a.firstByte + a.lengthBytes, b.firstByte + b.lengthBytes)
  return { firstByte, lengthBytes: endByte - firstByte }
}
