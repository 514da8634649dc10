// The echo: repeats that wander from one ear to the other and grow darker each time.
// Its time is given in seconds by the caller, who knows the tempo.
// Invariant: feedback stays below one, so the repeats always die.

import { Biquad, highPass, lowPass } from './biquad.ts'
import { StereoBuffer, sampleRateHz } from './stereo-buffer.ts'

const feedback = 0.42

/** Renders only the repeats of a buffer; the first is heard on the left. */
export function repeatAcross(source: StereoBuffer, delaySeconds: number): StereoBuffer {
  const echo = new StereoBuffer(source.frameCount)
  const delayFrames = Math.round(delaySeconds * sampleRateHz)
  const darken = [new Biquad(lowPass(2_600)), new Biquad(highPass(320))] as const
  const darkenOther = [new Biquad(lowPass(2_600)), new Biquad(highPass(320))] as const
  for (let frame = delayFrames; frame < source.frameCount; frame += 1) {
    const past = frame - delayFrames
    const fresh = 0.5 * ((source.left[past] ?? 0) + (source.right[past] ?? 0))
    const intoLeft = fresh + feedback * (echo.right[past] ?? 0)
    const intoRight = echo.left[past] ?? 0
    echo.left[frame] = darken[1].next(darken[0].next(intoLeft))
    echo.right[frame] = darkenOther[1].next(darkenOther[0].next(Math.sqrt(feedback) * intoRight))
  }
  return echo
}
