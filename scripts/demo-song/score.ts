// The written music: notes and drum hits in beats, before any player touches them.
// Not seconds, not samples: performance.ts turns beats into seconds.
// Invariant: plain data, so that two scores can be compared with deep equality.

export type PitchedPart = 'pad' | 'arpeggio' | 'comping' | 'bass' | 'lead-piano' | 'lead-pluck' | 'flute' | 'bell'

export type Drum = 'kick' | 'brush' | 'rim' | 'hat' | 'shaker' | 'swell'

/** `velocity` runs from 0 to 1. */
export type Note = {
  readonly part: PitchedPart
  readonly startBeats: number
  readonly durationBeats: number
  readonly midi: number
  readonly velocity: number
}

export type Hit = { readonly drum: Drum; readonly startBeats: number; readonly velocity: number }

export type Score = { readonly notes: readonly Note[]; readonly hits: readonly Hit[]; readonly durationBeats: number }
