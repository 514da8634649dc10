// Powers that come out the same on every release of Node: `**` and Math.pow changed their last bit between 22 and 24.
// Not faster and not more exact; exp and log have kept their bits. Whole-number powers are written as products instead.
// Invariant: only for bases that are not negative.

/** `base` to the power of `exponent`. */
export function power(base: number, exponent: number): number {
  return Math.exp(exponent * Math.log(base))
}

export function square(value: number): number {
  return value * value
}
