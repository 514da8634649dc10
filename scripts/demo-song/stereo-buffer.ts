// Two channels of samples, and the one sample rate of the song.
// It mixes by adding; it never clips (master.ts keeps the ceiling).
// Invariant: both channels have the same length; writing outside is ignored.

export const sampleRateHz = 44_100

/** Left and right, in floating point around zero. */
export class StereoBuffer {
  readonly left: Float32Array
  readonly right: Float32Array
  readonly frameCount: number

  constructor(frameCount: number) {
    this.frameCount = frameCount
    this.left = new Float32Array(frameCount)
    this.right = new Float32Array(frameCount)
  }

  add(frame: number, left: number, right: number): void {
    if (frame < 0 || frame >= this.frameCount) return
    this.left[frame] = (this.left[frame] ?? 0) + left
    this.right[frame] = (this.right[frame] ?? 0) + right
  }

  addScaled(other: StereoBuffer, gain: number): void {
    if (gain === 0) return
    addChannel(this.left, other.left, gain)
    addChannel(this.right, other.right, gain)
  }

  scale(gainAt: (frame: number) => number): void {
    const { left, right, frameCount } = this
    for (let frame = 0; frame < frameCount; frame += 1) {
      const gain = gainAt(frame)
      left[frame] = (left[frame] ?? 0) * gain
      right[frame] = (right[frame] ?? 0) * gain
    }
  }

  clear(): void {
    this.left.fill(0)
    this.right.fill(0)
  }
}

/** Constant power: -1 is left, 0 the middle, 1 right. */
export function panGains(pan: number): { left: number; right: number } {
  const angle = ((pan + 1) * Math.PI) / 4
  return { left: Math.cos(angle), right: Math.sin(angle) }
}

function addChannel(target: Float32Array, source: Float32Array, gain: number): void {
  for (let frame = 0; frame < target.length; frame += 1) target[frame] = (target[frame] ?? 0) + (source[frame] ?? 0) * gain
}
