// What real processes measured against what the simulator predicted, in a sentence for each scenario that has both.
// Not a judgement: the two differ where the model leaves something out, and the sentence says what that is.
// Invariant: a scenario measured in one setting only has no sentence.

import { originCopiesOf, type PlaybackMeasurement } from './playback-measurement.ts'

export function comparisonsOf(measurements: readonly PlaybackMeasurement[]): string[] {
  return measurements.flatMap(real => {
    const predicted = measurements.find(({ scenario, setting }) => scenario === real.scenario && setting === 'simulated')
    if (real.setting !== 'processes' || predicted === undefined) return []
    const start = `${wordsOf(real.startupMs?.p50)} measured, ${wordsOf(predicted.startupMs?.p50)} predicted`
    const copies = `${originCopiesOf(real).toFixed(2)} measured, ${originCopiesOf(predicted).toFixed(2)} predicted`
    return [
      `${real.scenario}: start p50 ${start}; origin copies ${copies}; stalls ${real.stallCount} and ${predicted.stallCount}. The model charges no processor time, which is most of the difference in the start.`,
    ]
  })
}

function wordsOf(ms: number | undefined): string {
  return ms === undefined ? 'nothing' : `${Math.round(ms)} ms`
}
