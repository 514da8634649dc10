// What a request for a file asks of it: all, a part, or nothing because the caller has it (RFC 9110, sections 13 and 14).
// Not I/O and not a framework: header values go in, a decision comes out; for files that never change under their tag.
// Invariant: a decision never names a byte outside the file, and a range that is not understood is answered with the whole.

import { parseByteRanges, type RangeAnswer } from './byte-ranges.ts'

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
  /** Ranges that one answer may have; a request of more is answered with the whole. Default 1. */
  readonly partsMax?: number
}

export type FileAnswer = RangeAnswer | { readonly kind: 'not-modified' }

const WHOLE: FileAnswer = Object.freeze({ kind: 'whole' })
const NOT_MODIFIED: FileAnswer = Object.freeze({ kind: 'not-modified' })

/** Decides between 200, 206, 304 and 416, in the order RFC 9110 lays down (13.2.2). */
export function answerFor(conditions: RequestConditions, file: FileFacts): FileAnswer {
  const { method, range, ifRange, ifNoneMatch } = conditions
  if (ifNoneMatch !== undefined && listsTag(ifNoneMatch, file.entityTag)) return NOT_MODIFIED
  // Ranges are defined for GET alone; a date in If-Range never matches, since these files are told apart by tag.
  if (method !== 'GET' || range === undefined) return WHOLE
  if (ifRange !== undefined && ifRange.trim() !== file.entityTag) return WHOLE
  return parseByteRanges(range, file.sizeBytes, file.partsMax)
}

/** Whether an If-None-Match list holds the tag; `W/` is disregarded there (weak comparison). */
function listsTag(list: string, entityTag: string): boolean {
  if (list.trim() === '*') return true
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  return tags.some(tag => tag.replace(/^W\//, '') === entityTag)
}
