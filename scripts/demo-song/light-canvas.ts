// A square canvas of light: colours are added as on a night photograph and developed to bytes at the end.
// It knows glows and curves made of glows, no outlines and no text.
// Invariant: values stay finite and not negative until `develop` bends them into 0 to 255.

import { power } from './power.ts'

/** Amounts of red, green and blue light. */
export type Light = readonly [red: number, green: number, blue: number]
export type Point = { readonly x: number; readonly y: number }

/** The thresholds of an 8 by 8 ordered dither; without it the dark gradients show steps. */
const ditherSize = 8

export class LightCanvas {
  readonly sizePixels: number
  private readonly values: Float64Array

  constructor(sizePixels: number) {
    this.sizePixels = sizePixels
    this.values = new Float64Array(sizePixels * sizePixels * 3)
  }

  add(column: number, row: number, light: Light, strength: number): void {
    if (column < 0 || row < 0 || column >= this.sizePixels || row >= this.sizePixels) return
    const place = (row * this.sizePixels + column) * 3
    light.forEach((amount, channel) => {
      this.values[place + channel] = (this.values[place + channel] ?? 0) + amount * strength
    })
  }

  /** Adds light everywhere, by a formula. */
  wash(lightAt: (point: Point) => Light): void {
    for (let row = 0; row < this.sizePixels; row += 1) {
      for (let column = 0; column < this.sizePixels; column += 1) this.add(column, row, lightAt({ x: column, y: row }), 1)
    }
  }

  /** A soft round spot. */
  glow({ x, y }: Point, radiusPixels: number, light: Light, strength: number): void {
    const reach = Math.ceil(radiusPixels * 3)
    for (let row = Math.floor(y) - reach; row <= y + reach; row += 1) {
      for (let column = Math.floor(x) - reach; column <= x + reach; column += 1) {
        const distance = Math.hypot(column - x, row - y) / radiusPixels
        this.add(column, row, light, strength * Math.exp(-distance * distance))
      }
    }
  }

  /** A thread of light along a path whose parameter runs from 0 to 1. */
  thread(
    pathAt: (ratio: number) => Point,
    lightAt: (ratio: number) => Light,
    style: { widthPixels: number; strength: number; steps: number },
  ): void {
    for (let step = 0; step <= style.steps; step += 1) {
      const ratio = step / style.steps
      this.glow(pathAt(ratio), style.widthPixels, lightAt(ratio), style.strength)
    }
  }

  /** Three bytes for each pixel. */
  develop(): Uint8Array {
    return Uint8Array.from(this.values, (value, place) => {
      const pixel = Math.floor(place / 3)
      const threshold = ditherAt(pixel % this.sizePixels, Math.floor(pixel / this.sizePixels))
      return Math.min(255, Math.floor(255 * power(1 - Math.exp(-value), 1 / 2.2) + threshold))
    })
  }
}

/** Between light colours, evenly. */
export function blend(from: Light, to: Light, ratio: number): Light {
  const at = (channel: 0 | 1 | 2) => from[channel] + (to[channel] - from[channel]) * ratio
  return [at(0), at(1), at(2)]
}

/** Bayer's matrix by interleaving bits, scaled to 0 to 1. */
function ditherAt(column: number, row: number): number {
  let value = 0
  for (let bit = 1, weight = ditherSize * ditherSize; bit < ditherSize; bit *= 2) {
    weight /= 4
    value += weight * ((row & bit ? 1 : 0) + 2 * ((column & bit ? 1 : 0) ^ (row & bit ? 1 : 0)))
  }
  return value / (ditherSize * ditherSize)
}
