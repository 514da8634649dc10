// The inverse Fourier transform that turns a drawn spectrum into one endless wave.
// Only powers of two, in place, real and imaginary apart; not a signal-analysis library.
// Invariant: both arrays have the same power-of-two length.

import assert from 'node:assert/strict'

export type Spectrum = { readonly real: Float64Array; readonly imaginary: Float64Array }

/** In place, unscaled: the caller normalises the result anyway. */
export function inverseTransform(spectrum: Spectrum): void {
  const { real, imaginary } = spectrum
  const size = real.length
  assert(size === imaginary.length && (size & (size - 1)) === 0, 'a power of two')
  reorder(spectrum)
  for (let half = 1; half < size; half *= 2) {
    const cosines = Float64Array.from({ length: half }, (_, index) => Math.cos((Math.PI * index) / half))
    const sines = Float64Array.from({ length: half }, (_, index) => Math.sin((Math.PI * index) / half))
    for (let start = 0; start < size; start += 2 * half) {
      for (let index = 0; index < half; index += 1) {
        butterfly(spectrum, start + index, half, cosines[index] ?? 1, sines[index] ?? 0)
      }
    }
  }
}

function butterfly({ real, imaginary }: Spectrum, low: number, half: number, cos: number, sin: number): void {
  const high = low + half
  const lowReal = real[low] ?? 0
  const lowImaginary = imaginary[low] ?? 0
  const highReal = real[high] ?? 0
  const highImaginary = imaginary[high] ?? 0
  const turnedReal = highReal * cos - highImaginary * sin
  const turnedImaginary = highReal * sin + highImaginary * cos
  real[low] = lowReal + turnedReal
  imaginary[low] = lowImaginary + turnedImaginary
  real[high] = lowReal - turnedReal
  imaginary[high] = lowImaginary - turnedImaginary
}

function reorder({ real, imaginary }: Spectrum): void {
  const size = real.length
  let mirror = 0
  for (let index = 1; index < size; index += 1) {
    let bit = size >> 1
    for (; (mirror & bit) !== 0; bit >>= 1) mirror ^= bit
    mirror ^= bit
    if (index >= mirror) continue
    swap(real, index, mirror)
    swap(imaginary, index, mirror)
  }
}

function swap(values: Float64Array, one: number, other: number): void {
  const kept = values[one] ?? 0
  values[one] = values[other] ?? 0
  values[other] = kept
}
