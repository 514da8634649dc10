// The last stage: tone, target loudness, a limiter that looks ahead, and the fade at the end.
// It shapes the whole and no single part.
// Invariant: no sample leaves above the ceiling, and the last sample is silent.

import { filterStereo, highPass, highShelf, peak } from './biquad.ts'
import { gainOfDb, integratedLufs } from './loudness.ts'
import { type StereoBuffer, sampleRateHz } from './stereo-buffer.ts'
import { ease } from './voice.ts'

const targetLufs = -14.6
/** Encoding moves peaks by a fraction of a decibel; the ceiling leaves room for that. */
const ceiling = gainOfDb(-2.2)
const lookAheadFrames = Math.round(0.006 * sampleRateHz)
const recoverySeconds = 0.18

/** Finishes the mix in place. */
export function master(mix: StereoBuffer, fadeStartSeconds: number): void {
  filterStereo(mix, [highPass(30), peak(290, 0.7, -1.5), peak(3_200, 0.7, 1.8), highShelf(7_500, 2)])
  fadeOut(mix, fadeStartSeconds)
  const gain = gainOfDb(targetLufs - integratedLufs(mix))
  mix.scale(() => gain)
  limit(mix)
}

function fadeOut(mix: StereoBuffer, fadeStartSeconds: number): void {
  const startFrame = fadeStartSeconds * sampleRateHz
  const spanFrames = mix.frameCount - 1 - startFrame
  mix.scale(frame => ease(1 - (frame - startFrame) / spanFrames))
}

/** The gain falls before the peak arrives: smallest need in sight, slow recovery, then an average over the same sight. */
function limit(mix: StereoBuffer): void {
  const needs = smallestAhead(neededGains(mix))
  const recovery = 1 - Math.exp(-1 / (recoverySeconds * sampleRateHz))
  const window = new Float64Array(lookAheadFrames).fill(1)
  let held = 1
  let sum = lookAheadFrames
  mix.scale(frame => {
    const need = needs[frame] ?? 1
    held = Math.min(need, held + recovery * (1 - held))
    const slot = frame % lookAheadFrames
    sum += held - (window[slot] ?? 1)
    window[slot] = held
    return sum / lookAheadFrames
  })
}

function neededGains(mix: StereoBuffer): Float32Array {
  return mix.left.map((left, frame) => {
    const loudest = Math.max(Math.abs(left), Math.abs(mix.right[frame] ?? 0))
    return loudest > ceiling ? ceiling / loudest : 1
  })
}

/** For every frame the smallest value within the look-ahead, by a queue of falling candidates. */
function smallestAhead(needs: Float32Array): Float32Array {
  const smallest = new Float32Array(needs.length)
  const queue = new Int32Array(needs.length)
  let head = 0
  let tail = 0
  for (let frame = needs.length - 1; frame >= 0; frame -= 1) {
    while (tail > head && (needs[queue[tail - 1] ?? 0] ?? 1) >= (needs[frame] ?? 1)) tail -= 1
    queue[tail] = frame
    tail += 1
    while ((queue[head] ?? 0) >= frame + lookAheadFrames) head += 1
    smallest[frame] = needs[queue[head] ?? 0] ?? 1
  }
  return smallest
}
