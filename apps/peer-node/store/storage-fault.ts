// What the file system complained about, in the words of the house.
// Not a retry policy: the error table says what may succeed later.
// Invariant: a full disk is told apart from a broken one, because only the first is answered by making room.

import { type ErrorCode, EvaError } from '@evastream/core/errors'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
/** The process or the user lacks something; the bytes on the disk may be fine. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EPERM', 'EAGAIN', 'EINTR'])

/** Why a chunk whose hash fits may still not be stored. */
export const STORAGE_TROUBLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['EVA_CACHE_FULL', 'EVA_STORAGE_FAILED', 'EVA_STORAGE_FULL'])

/** `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED`; an EvaError stays what it is. */
export function toStorageError(thrown: unknown): EvaError {
  if (thrown instanceof EvaError) return thrown
  const code = systemCodeOf(thrown)
  if (FULL.has(code)) return new EvaError('EVA_STORAGE_FULL', { cause: thrown })
  return new EvaError('EVA_STORAGE_FAILED', { details: { reason: code === '' ? String(thrown) : code }, cause: thrown })
}

/** Whether a failed read says nothing about the bytes on the disk, so that a later one may succeed. */
export function isPassingFault(thrown: unknown): boolean {
  return PASSING.has(systemCodeOf(thrown))
}

/** Whether there is no such file or directory. */
export function isMissing(thrown: unknown): boolean {
  return systemCodeOf(thrown) === 'ENOENT'
}

/** For a failure by which nothing is lost; where it is used, a comment says why that is so. */
export function lossless(_fault: unknown): undefined {
  return undefined
}

function systemCodeOf(thrown: unknown): string {
  const code = (thrown as { readonly code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : ''
}
