// A set of small whole numbers (chunks of a song, blocks of a chunk) as a bitmap.
// Not a wire format by itself, though its bytes are used on the wire: most significant bit first, as in BEP 3.
// Invariant: bits at and past `length` are zero, and `count` is the number of ones.

import { EvaError } from './errors.ts'

export class Bitfield {
  readonly length: number
  readonly #bytes: Uint8Array
  #count = 0

  constructor(length: number) {
    this.length = length
    this.#bytes = new Uint8Array(Math.ceil(length / 8))
  }

  /** @throws EvaError `EVA_REQUEST_INVALID` when the size is not that of `length` bits, or a bit past the end is set. */
  static fromBytes(bytes: Uint8Array, length: number): Bitfield {
    const field = new Bitfield(length)
    if (bytes.length !== field.#bytes.length)
      throw invalid(`a bitmap of ${length} bits takes ${field.#bytes.length} bytes, not ${bytes.length}`)
    const spareBits = bytes.length * 8 - length
    if (spareBits > 0 && ((bytes[bytes.length - 1] as number) & ((1 << spareBits) - 1)) !== 0)
      throw invalid('a bit past the end of the bitmap is set')
    field.#bytes.set(bytes)
    for (const byte of bytes) field.#count += bitCount(byte)
    return field
  }

  static of(length: number, members: Iterable<number>): Bitfield {
    const field = new Bitfield(length)
    for (const index of members) field.add(index)
    return field
  }

  static full(length: number): Bitfield {
    const field = new Bitfield(length)
    for (let index = 0; index < length; index++) field.add(index)
    return field
  }

  /** The members of any of these. */
  static union(length: number, fields: readonly Bitfield[]): Bitfield {
    const union = new Bitfield(length)
    const bytes = union.#bytes
    for (const field of fields) for (let at = 0; at < bytes.length; at++) bytes[at] = (bytes[at] as number) | (field.#bytes[at] ?? 0)
    for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) union.#count += bitCount(bytes[at] as number)
    return union
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.length
  }

  has(index: number): boolean {
    return index >= 0 && index < this.length && ((this.#bytes[index >> 3] as number) & (0x80 >> (index & 7))) !== 0
  }

  /** @returns whether it was new. An index out of bounds is never a member and changes nothing. */
  add(index: number): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= this.length || this.has(index)) return false
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] as number) | (0x80 >> (index & 7))
    this.#count++
    return true
  }

  /** @returns whether it was a member. */
  delete(index: number): boolean {
    if (!this.has(index)) return false
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] as number) & ~(0x80 >> (index & 7))
    this.#count--
    return true
  }

  *members(): Generator<number> {
    for (let index = 0; index < this.length; index++) if (this.has(index)) yield index
  }

  *missing(): Generator<number> {
    for (let index = 0; index < this.length; index++) if (!this.has(index)) yield index
  }

  /** The members that the other lacks, in ascending order: eight at a time, where there are many and few of them are. */
  without(other: Bitfield): number[] {
    const members: number[] = []
    for (let at = 0; at < this.#bytes.length; at++) {
      const bits = (this.#bytes[at] as number) & ~(other.#bytes[at] ?? 0)
      for (let bit = 0; ((bits << bit) & 0xff) !== 0; bit++) if ((bits & (0x80 >> bit)) !== 0) members.push(at * 8 + bit)
    }
    return members
  }

  /** A copy of the bytes, most significant bit first. */
  toBytes(): Uint8Array {
    return this.#bytes.slice()
  }

  clone(): Bitfield {
    const copy = new Bitfield(this.length)
    copy.#bytes.set(this.#bytes)
    copy.#count = this.#count
    return copy
  }
}

function bitCount(byte: number): number {
  let rest = byte
  let count = 0
  for (; rest !== 0; rest &= rest - 1) count++
  return count
}

function invalid(reason: string): EvaError {
  return new EvaError('EVA_REQUEST_INVALID', { details: { reason } })
}
