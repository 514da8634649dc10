// Chance as an argument: a small seeded generator (mulberry32) and the few ways this song draws from it.
// It is not cryptographic. Every label gets its own stream, so that a change in the percussion never moves the melody.
// Invariant: the same seed and label give the same sequence on every machine.

/** Draws the next number, 0 included, 1 excluded. */
export type Random = () => number

/** A stream of its own for one part of the song. */
export function seededRandom(seed: number, label: string): Random {
  let state = seed >>> 0
  for (const letter of label) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** Evenly between two bounds. */
export function drawBetween(random: Random, low: number, high: number): number {
  return low + (high - low) * random()
}

/** Around zero, mostly small, never beyond the bound: the way a hand misses the beat. */
export function drawAroundZero(random: Random, bound: number): number {
  return ((random() + random() + random()) / 1.5 - 1) * bound
}

/** One entry of a list that has at least one. */
export function drawFrom<T>(random: Random, choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(random() * choices.length)] ?? choices[0]
}
