// The units of the house: milliseconds, bytes, and the constants that turn one into another.
// Not a place for defaults: a default stands next to its user.
// Invariant: every number that crosses a module border carries its unit as the last word of its name.

/** A point on, or a distance along, a monotonic clock, in milliseconds. Where zero is, only the adapter knows. */
export type Millis = number

export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS

export const KIB = 1024
export const MIB = 1024 * KIB

/** The unit of playing and relaying: 16 KiB. Blocks restart in each chunk; a chunk's last one may be short. */
export const BLOCK_SIZE_BYTES = 16 * KIB

export const CHUNK_SIZE_MIN_BYTES = 16 * KIB
export const CHUNK_SIZE_MAX_BYTES = 4 * MIB

/** The length of a SHA-256 digest. */
export const HASH_SIZE_BYTES = 32
