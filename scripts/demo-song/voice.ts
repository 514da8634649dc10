// What every instrument receives, and the envelopes that keep every voice free of clicks.
// No timbre lives here.
// Invariant: `gate` starts and ends at exactly zero with zero slope.

import type { Random } from './seeded-random.ts'
import { panGains, type StereoBuffer, sampleRateHz } from './stereo-buffer.ts'

/** One note or hit, ready to sound. */
export type Voice = {
  readonly startFrame: number
  readonly durationSeconds: number
  readonly hz: number
  readonly velocity: number
  readonly pan: number
}

/** Adds a voice to a stem; chance (noise, phases) comes from outside. */
export type Instrument = (voice: Voice, stem: StereoBuffer, random: Random) => void

export type Gate = { readonly attackSeconds: number; readonly holdSeconds: number; readonly releaseSeconds: number }

export function gateFrames({ attackSeconds, holdSeconds, releaseSeconds }: Gate): number {
  return Math.ceil((Math.max(attackSeconds, holdSeconds) + releaseSeconds) * sampleRateHz)
}

/** Raised-cosine rise, hold, raised-cosine fall. The hold includes the attack. */
export function gate({ attackSeconds, holdSeconds, releaseSeconds }: Gate, seconds: number): number {
  const fallStart = Math.max(attackSeconds, holdSeconds)
  if (seconds < attackSeconds) return ease(seconds / attackSeconds)
  if (seconds < fallStart) return 1
  return ease(1 - (seconds - fallStart) / releaseSeconds)
}

/** 0 to 1 with flat ends. */
export function ease(ratio: number): number {
  if (ratio <= 0) return 0
  return ratio >= 1 ? 1 : 0.5 - 0.5 * Math.cos(Math.PI * ratio)
}

/** What a decaying level is multiplied with on every frame; after `seconds` it has fallen to 1/e. */
export function decayPerFrame(seconds: number): number {
  return Math.exp(-1 / (seconds * sampleRateHz))
}

/** Runs a mono generator for the length of its gate and places it in the stereo field. */
export function sound(voice: Voice, shape: Gate, stem: StereoBuffer, sampleAt: (seconds: number) => number): void {
  const { left, right } = panGains(voice.pan)
  const frames = gateFrames(shape)
  for (let frame = 0; frame < frames; frame += 1) {
    const seconds = frame / sampleRateHz
    const sample = sampleAt(seconds) * gate(shape, seconds)
    stem.add(voice.startFrame + frame, sample * left, sample * right)
  }
}
