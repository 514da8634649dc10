// Chance as an argument: a small seeded generator (sfc32, Chris Doty-Humphrey's PractRand family).
// Not for secrets: tokens come from the platform's cryptographic generator.
// Invariant: the same seed gives the same sequence on every machine.

export interface Random {
  /** Uniform in [0, 1). */
  ratio(): number
  /** Uniform whole number in [0, bound). */
  below(bound: number): number
  /** One element, uniformly; undefined of an empty list. */
  pick<T>(items: readonly T[]): T | undefined
  /** A new list with the same elements in random order (Fisher-Yates). */
  shuffled<T>(items: readonly T[]): T[]
  /** A generator of its own, so that a new consumer does not shift everybody else's sequence. */
  fork(): Random
}

export function seededRandom(seed: number): Random {
  return new Sfc32(seed >>> 0, Math.floor(seed / 0x1_0000_0000) >>> 0)
}

class Sfc32 implements Random {
  #a: number
  #b: number
  #c = 0x9e3779b9
  #counter = 1

  constructor(low: number, high: number) {
    this.#a = low
    this.#b = high
    for (let round = 0; round < 15; round++) this.#next()
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  ratio(): number {
    return this.#next() / 0x1_0000_0000
  }

  below(bound: number): number {
    return Math.floor(this.ratio() * bound)
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)]
  }

  shuffled<T>(items: readonly T[]): T[] {
    const list = [...items]
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const swap = list[i] as T
      list[i] = list[j] as T
      list[j] = swap
    }
    return list
  }

  fork(): Random {
    return new Sfc32(this.#next(), this.#next())
  }
}
