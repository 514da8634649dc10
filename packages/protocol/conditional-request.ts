// What a request for a file asks of it: all, a part, or nothing because the caller has it (RFC 9110, sections 13 and 14).
// Not I/O and not a framework: header values go in, a decision comes out; for files that never change under their tag.
// Invariant: a decision never names a byte outside the file, and a range that is not understood is answered with the whole.

export interface RequestConditions {
  readonly method: string
  readonly range?: string | undefined
  readonly ifRange?: string | undefined
  readonly ifNoneMatch?: string | undefined
}

export interface FileFacts {
  readonly sizeBytes: number
  /** A strong entity tag, with its quotation marks. */
  readonly entityTag: string
}

export type FileAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly firstByte: number; readonly lengthBytes: number }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'not-modified' }

const WHOLE: FileAnswer = Object.freeze({ kind: 'whole' })
const UNSATISFIABLE: FileAnswer = Object.freeze({ kind: 'unsatisfiable' })
const NOT_MODIFIED: FileAnswer = Object.freeze({ kind: 'not-modified' })

/** Decides between 200, 206, 304 and 416, in the order RFC 9110 lays down (13.2.2). */
export function answerFor(conditions: RequestConditions, file: FileFacts): FileAnswer {
  const { method, range, ifRange, ifNoneMatch } = conditions
  if (ifNoneMatch !== undefined && listsTag(ifNoneMatch, file.entityTag)) return NOT_MODIFIED
  // Ranges are defined for GET alone; a date in If-Range never matches, since these files are told apart by tag.
  if (method !== 'GET' || range === undefined) return WHOLE
  if (ifRange !== undefined && ifRange.trim() !== file.entityTag) return WHOLE
  return parseByteRange(range, file.sizeBytes)
}

const BYTE_RANGE_EXPRESSION = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i

/** One range of bytes: `5-9`, `5-` or `-5`. Anything malformed, in another unit, or of several ranges, asks for the whole. */
export function parseByteRange(header: string, sizeBytes: number): FileAnswer {
  const match = BYTE_RANGE_EXPRESSION.exec(header)
  if (match === null) return WHOLE
  const [, first, last, suffix] = match
  if (suffix !== undefined) return lastBytes(Number(suffix), sizeBytes)
  const firstByte = Number(first)
  const lastByte = last === undefined || last === '' ? Number.POSITIVE_INFINITY : Number(last)
  if (lastByte < firstByte) return WHOLE
  if (firstByte >= sizeBytes) return UNSATISFIABLE
  return { kind: 'part', firstByte, lengthBytes: Math.min(lastByte, sizeBytes - 1) - firstByte + 1 }
}

function lastBytes(count: number, sizeBytes: number): FileAnswer {
  if (count === 0 || sizeBytes === 0) return UNSATISFIABLE
  const lengthBytes = Math.min(count, sizeBytes)
  return { kind: 'part', firstByte: sizeBytes - lengthBytes, lengthBytes }
}

/** Whether an If-None-Match list holds the tag; `W/` is disregarded there (weak comparison). */
function listsTag(list: string, entityTag: string): boolean {
  if (list.trim() === '*') return true
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  return tags.some(tag => tag.replace(/^W\//, '') === entityTag)
}
