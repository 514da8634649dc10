// What flowed when: from the server below, from listeners above it, with the moment from which the swarm lived by itself.
// Not the recording: the server remembers.
// Invariant: the table under the chart holds the same points, and the moment is said in words too.

import type { HistorySpan, SwarmHistory } from '@evastream/protocol/swarm-http'
import { systemTimers } from '@evastream/service-kit/system-clock'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'
import { bytesText } from './amount-text.ts'
import { StackedChart } from './stacked-chart.ts'

const SPANS: readonly (readonly [HistorySpan, string])[] = [
  ['15m', '15 minutes'],
  ['24h', '24 hours'],
  ['30d', '30 days'],
]
/** A canvas keeps its colours when the system changes its own. */
const DARK = matchMedia('(prefers-color-scheme: dark)')
const ASK_EVERY_MS = 5000

export function TrafficChart() {
  const { api, theme } = useServices()
  const span = useSignal<HistorySpan>('15m')
  const history = useSignal<SwarmHistory | undefined>(undefined)
  const place = useRef<HTMLDivElement>(null)
  const isDark = useSignal(DARK.matches)
  useEffect(() => {
    const changed = () => {
      isDark.value = DARK.matches
    }
    DARK.addEventListener('change', changed)
    return () => DARK.removeEventListener('change', changed)
  }, [])
  useEffect(() => {
    const abort = new AbortController()
    const ask = async () => {
      // The next answer is some seconds away; until then the last one stands.
      const answer = await api.call<SwarmHistory>(`/api/swarm/history?span=${span.value}`, { signal: abort.signal }).catch(() => null)
      if (answer !== null && !abort.signal.aborted) history.value = answer
    }
    void ask()
    const stop = systemTimers.every(ASK_EVERY_MS, () => void ask())
    return () => {
      abort.abort()
      stop()
    }
  }, [span.value])
  const shown = history.value
  useEffect(() => {
    if (place.current === null || shown === undefined) return
    const chart = new StackedChart(place.current, shown)
    return () => chart.close()
  }, [shown, theme.value, isDark.value])
  return (
    <section class="swarm-card" aria-labelledby="swarm-chart">
      <div class="swarm-card-head">
        <h2 id="swarm-chart">Server and listeners</h2>
        <fieldset class="swarm-spans">
          <legend class="only-read-out">Span</legend>
          {SPANS.map(([value, words]) => (
            <label key={value}>
              <input
                type="radio"
                name="span"
                checked={span.value === value}
                onChange={() => {
                  span.value = value
                }}
              />
              <span>{words}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <p class="swarm-note">{shown === undefined ? 'Reading the history …' : momentWords(shown)}</p>
      <div class="swarm-chart" ref={place} aria-hidden="true" />
      <ul class="swarm-legend" aria-hidden="true">
        <li>
          <span class="swarm-key swarm-key-server" /> from the server
        </li>
        <li>
          <span class="swarm-key swarm-key-listeners" /> from listeners
        </li>
      </ul>
      {shown !== undefined && shown.points.length > 0 && <HistoryTable history={shown} />}
    </section>
  )
}

function momentWords({ selfSustainingAtMs, points }: SwarmHistory): string {
  if (points.length === 0) return 'Nothing is recorded yet. Play a song, and this fills as it flows.'
  if (selfSustainingAtMs === null) return 'The swarm does not live by itself yet: the server still sends more than a tenth.'
  return `Since ${timeText(selfSustainingAtMs)} the swarm lives by itself: at least nine tenths come from listeners.`
}

function HistoryTable({ history }: { readonly history: SwarmHistory }) {
  const flowed = history.points.filter(point => point.serverBytes + point.listenerBytes > 0)
  return (
    <details class="swarm-twin">
      <summary>The same as a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Server</th>
            <th scope="col">Listeners</th>
            <th scope="col">People</th>
          </tr>
        </thead>
        <tbody>
          {flowed.toReversed().map(({ atMs, serverBytes, listenerBytes, listeners }) => (
            <tr key={atMs}>
              <th scope="row">
                {timeText(atMs)}
                {atMs === history.selfSustainingAtMs ? ' (by itself from here)' : ''}
              </th>
              <td>{bytesText(serverBytes)}</td>
              <td>{bytesText(listenerBytes)}</td>
              <td>{listeners}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}

function timeText(atMs: number): string {
  return new Date(atMs).toLocaleString(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' })
}
