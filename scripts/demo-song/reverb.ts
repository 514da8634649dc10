// The room: a feedback delay network of eight lines with damped walls and slowly moving lengths.
// It returns only the reverberation; the dry sound stays with the mixdown.
// Invariant: the feedback matrix keeps energy and every line loses some, so the tail always dies.

import { power } from './power.ts'
import { sine } from './sine.ts'
import { StereoBuffer, sampleRateHz } from './stereo-buffer.ts'

const lineFrames = [1_433, 1_601, 1_867, 2_053, 2_251, 2_399, 2_617, 2_797] as const
const diffuserFrames = [211, 347, 503, 701] as const
const preDelayFrames = Math.round(0.022 * sampleRateHz)
const tailSeconds = 2.6
const damping = 0.36
const drift = { frames: 9, hz: 0.31 } as const

/** Renders the room's answer to a buffer. */
export function reverberate(source: StereoBuffer): StereoBuffer {
  const room = new StereoBuffer(source.frameCount)
  const lines = lineFrames.map((frames, index) => new Line(frames, index / lineFrames.length))
  const leftDiffusers = diffuserFrames.map(frames => new Diffuser(frames))
  const rightDiffusers = diffuserFrames.map(frames => new Diffuser(frames + 23))
  const outputs = new Float64Array(lines.length)
  for (let frame = preDelayFrames; frame < source.frameCount; frame += 1) {
    const early = frame - preDelayFrames
    let left = source.left[early] ?? 0
    let right = source.right[early] ?? 0
    for (const diffuser of leftDiffusers) left = diffuser.next(left)
    for (const diffuser of rightDiffusers) right = diffuser.next(right)
    turnOnce(lines, outputs, left, right)
    addOutputs(room, frame, outputs)
  }
  return room
}

/** Every line hears all others: a reflection of the outputs at their mean, which keeps their energy. */
function turnOnce(lines: readonly Line[], outputs: Float64Array, left: number, right: number): void {
  let sum = 0
  let index = 0
  for (const line of lines) {
    const output = line.read()
    outputs[index] = output
    sum += output
    index += 1
  }
  const shared = (2 * sum) / lines.length
  index = 0
  for (const line of lines) {
    line.write((outputs[index] ?? 0) - shared + (index % 2 === 0 ? left : right))
    index += 1
  }
}

/** Even lines lean left, odd lines right; alternating signs keep the two ears apart. */
function addOutputs(room: StereoBuffer, frame: number, outputs: Float64Array): void {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = outputs
  const left = a - c + e - g + 0.4 * (b - f)
  const right = b - d + f - h + 0.4 * (c - g)
  room.add(frame, 0.35 * left, 0.35 * right)
}

/** One wall-to-wall path: delay, loss, damping. */
class Line {
  private readonly memory: Float64Array
  private readonly loss: number
  private readonly turns: number
  private position = 0
  private damped = 0

  constructor(frames: number, turns: number) {
    this.memory = new Float64Array(frames)
    this.loss = power(10, (-3 * frames) / (tailSeconds * sampleRateHz))
    this.turns = turns
  }

  /** Reads a little after the oldest sample, drifting, so that no resonance stays long enough to ring. */
  read(): number {
    const size = this.memory.length
    const offset = drift.frames * (1 + sine(this.turns + (drift.hz * this.position) / sampleRateHz))
    const place = this.position + offset
    const index = Math.floor(place)
    const low = this.memory[index % size] ?? 0
    const high = this.memory[(index + 1) % size] ?? 0
    const sample = low + (high - low) * (place - index)
    this.damped += (1 - damping) * (sample - this.damped)
    return this.damped * this.loss
  }

  write(sample: number): void {
    this.memory[this.position % this.memory.length] = sample
    this.position += 1
  }
}

/** A small all-pass that smears an attack before it enters the lines. */
class Diffuser {
  private readonly memory: Float64Array
  private index = 0

  constructor(frames: number) {
    this.memory = new Float64Array(frames)
  }

  next(sample: number): number {
    const delayed = this.memory[this.index] ?? 0
    const fed = sample + 0.6 * delayed
    this.memory[this.index] = fed
    this.index = (this.index + 1) % this.memory.length
    return delayed - 0.6 * fed
  }
}
