// The form of the song: its sections in order, each with key, chart, intensity and who plays.
// It holds no notes; the parts read it and write them. The bridge leaves D for F major and returns over a chord of both.
// Invariant: sections follow each other without gap or overlap.

import { beatsPerBar, type ChordSlot, readChart } from './chord.ts'
import { dMajor, fMajor, type Scale } from './scale.ts'

type LeadPart = 'lead-piano' | 'lead-pluck' | 'flute'
export type Groove = 'none' | 'shaker' | 'light' | 'full'
export type CellName = 'rest' | 'question' | 'reach' | 'answer' | 'open' | 'close' | 'lift' | 'fall' | 'long' | 'hang' | 'last'

/** One cell lasts two bars; `height` is the scale degree its contour stands on. */
type CellPlan = { readonly cell: CellName; readonly height: number }

/** `tune` names the melody: two sections with the same tune sing the same notes, the second one ornamented. */
export type Lead = {
  readonly part: LeadPart
  readonly tune: string
  readonly cells: readonly CellPlan[]
  readonly isOrnamented?: boolean
  readonly isHarmonised?: boolean
  readonly hasBellDouble?: boolean
}

type SectionPlan = {
  readonly name: string
  readonly scale: Scale
  readonly chart: string
  /** 0 is a whisper, 1 the climax. */
  readonly intensity: number
  /** The share of eighths that the plucked arpeggio plays. */
  readonly arpeggioShare: number
  readonly hasComping: boolean
  readonly bass: 'none' | 'long' | 'moving'
  readonly groove: Groove
  readonly hasBellFills: boolean
  readonly lead?: Lead
}

export type Section = SectionPlan & {
  readonly startBeats: number
  readonly durationBeats: number
  readonly slots: readonly ChordSlot[]
}

const verseChart = 'I9 | vi9 | IV9 | V9s | iii7 | vi9 | ii9 | V9s'
const verseEndChart = 'I9 | vi9 | IV9 | V9s | iii7 | vi9 | ii9 V9s | I9'
const chorusChart = 'IV9 | V | iii7 | vi9 | IV9 | V | ii9 iii7 | IV9 V9s'

function cells(plan: string): CellPlan[] {
  return plan.split(' ').map(entry => {
    const [cell, height] = entry.split(':')
    return { cell: cell as CellName, height: Number(height ?? 0) }
  })
}

const verseCells = cells('question:3 question:4 answer:4 open:3')
const verseEndCells = cells('question:3 reach:4 answer:4 close:2')
const chorusCells = cells('lift:6 lift:5 lift:7 fall:5')

const plans: readonly SectionPlan[] = [
  {
    name: 'intro',
    scale: dMajor,
    chart: 'I9 | IV9 | I9 | IV9',
    intensity: 0.42,
    arpeggioShare: 0.5,
    hasComping: false,
    bass: 'none',
    groove: 'none',
    hasBellFills: false,
  },
  {
    name: 'intro-two',
    scale: dMajor,
    chart: 'vi9 | IV9 | ii9 | V9s',
    intensity: 0.44,
    arpeggioShare: 0.7,
    hasComping: false,
    bass: 'long',
    groove: 'none',
    hasBellFills: false,
    lead: { part: 'lead-piano', tune: 'intro', cells: cells('question:4 long:3') },
  },
  {
    name: 'a-one',
    scale: dMajor,
    chart: verseChart,
    intensity: 0.5,
    arpeggioShare: 0.6,
    hasComping: false,
    bass: 'long',
    groove: 'shaker',
    hasBellFills: false,
    lead: { part: 'lead-piano', tune: 'verse', cells: verseCells },
  },
  {
    name: 'a-two',
    scale: dMajor,
    chart: verseEndChart,
    intensity: 0.6,
    arpeggioShare: 0.75,
    hasComping: false,
    bass: 'moving',
    groove: 'light',
    hasBellFills: true,
    lead: { part: 'lead-piano', tune: 'verse-end', cells: verseEndCells },
  },
  {
    name: 'b',
    scale: dMajor,
    chart: chorusChart,
    intensity: 0.8,
    arpeggioShare: 0.85,
    hasComping: false,
    bass: 'moving',
    groove: 'full',
    hasBellFills: false,
    lead: { part: 'lead-piano', tune: 'chorus', cells: chorusCells, hasBellDouble: true },
  },
  {
    name: 'a-three',
    scale: dMajor,
    chart: verseChart,
    intensity: 0.6,
    arpeggioShare: 0,
    hasComping: true,
    bass: 'moving',
    groove: 'light',
    hasBellFills: true,
    lead: { part: 'lead-pluck', tune: 'verse', cells: verseCells, isOrnamented: true },
  },
  {
    name: 'a-four',
    scale: dMajor,
    chart: verseEndChart,
    intensity: 0.7,
    arpeggioShare: 0.35,
    hasComping: true,
    bass: 'moving',
    groove: 'full',
    hasBellFills: true,
    lead: { part: 'lead-pluck', tune: 'verse-end', cells: verseEndCells, isOrnamented: true },
  },
  {
    name: 'bridge',
    scale: fMajor,
    chart: 'I9 | iii7 | IV9 | V9s | vi9 | iii7 | IV9 | iii7s',
    intensity: 0.5,
    arpeggioShare: 0.7,
    hasComping: false,
    bass: 'long',
    groove: 'none',
    hasBellFills: false,
    lead: { part: 'flute', tune: 'bridge', cells: cells('long:3 long:4 long:5 hang:3') },
  },
  {
    name: 'b-two',
    scale: dMajor,
    chart: chorusChart,
    intensity: 0.95,
    arpeggioShare: 0.85,
    hasComping: true,
    bass: 'moving',
    groove: 'full',
    hasBellFills: true,
    lead: { part: 'lead-piano', tune: 'chorus', cells: chorusCells, hasBellDouble: true, isHarmonised: true },
  },
  {
    name: 'outro',
    scale: dMajor,
    chart: 'I9 | vi9 | IV9 | V9s',
    intensity: 0.5,
    arpeggioShare: 0.7,
    hasComping: false,
    bass: 'long',
    groove: 'shaker',
    hasBellFills: true,
    lead: { part: 'lead-piano', tune: 'outro', cells: cells('question:3 open:3') },
  },
  {
    name: 'outro-two',
    scale: dMajor,
    chart: 'I9 | IV9 | ii9 V9s | I9',
    intensity: 0.35,
    arpeggioShare: 0.5,
    hasComping: false,
    bass: 'long',
    groove: 'none',
    hasBellFills: false,
    lead: { part: 'lead-piano', tune: 'ending', cells: cells('question:2 last:2') },
  },
]

/** The sections at their places in the song. */
export function songForm(): Section[] {
  let startBeats = 0
  return plans.map(plan => {
    const durationBeats = plan.chart.split('|').length * beatsPerBar
    const section = { ...plan, startBeats, durationBeats, slots: readChart(plan.chart, plan.scale, startBeats) }
    startBeats += durationBeats
    return section
  })
}
