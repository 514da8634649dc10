// Four plain numbers: listeners, from the server now, from listeners now, and what was saved.
// Not their history (traffic-chart.tsx).
// Invariant: money is named only where the operator gave a price.

import type { SwarmNow } from '@evastream/protocol/swarm-http'
import { bytesText, moneyText, percentText, rateText } from './amount-text.ts'

export function FourNumbers({ now }: { readonly now: SwarmNow }) {
  const { listeners, serverBytesPerSecond: server, listenerBytesPerSecond: peers, today, pricePerGb } = now
  const saved = today ?? now
  const share = percentText(saved.listenerBytes, saved.listenerBytes + saved.serverBytes)
  return (
    <section aria-label="Now">
      {!now.isReachable && (
        <p class="swarm-warning" role="status">
          The tracker does not answer: these are its last figures.
        </p>
      )}
      {now.isReachable && now.isOriginAway && (
        <p class="swarm-warning" role="status">
          The origin does not answer: listeners carry on with what they hold.
        </p>
      )}
      <dl class="swarm-numbers">
        <Figure name="Listeners" value={String(listeners)} note={now.songs === 1 ? 'of 1 song' : `of ${now.songs} songs`} />
        <Figure
          name="From the server now"
          value={now.isOriginAway && server === 0 ? 'away' : rateText(server)}
          note={noteOfRate(server, server + peers)}
          kind="server"
        />
        <Figure name="From listeners now" value={rateText(peers)} note={noteOfRate(peers, server + peers)} kind="listeners" />
        <Figure
          name={today === null ? 'Saved while you look' : 'Saved today'}
          value={bytesText(saved.listenerBytes)}
          note={`${pricePerGb === null ? '' : `${moneyText(saved.listenerBytes, pricePerGb)} in money, `}${share} from listeners`}
        />
      </dl>
    </section>
  )
}

interface FigureProps {
  readonly name: string
  readonly value: string
  readonly note: string
  readonly kind?: 'server' | 'listeners'
}

function Figure({ name, value, note, kind }: FigureProps) {
  return (
    <div class="swarm-number">
      <dt>
        {kind !== undefined && <span class={`swarm-key swarm-key-${kind}`} aria-hidden="true" />}
        {name}
      </dt>
      <dd class="swarm-value">{value}</dd>
      <dd class="swarm-number-note">{note}</dd>
    </div>
  )
}

function noteOfRate(part: number, whole: number): string {
  return whole === 0 ? 'nothing flows' : `${percentText(part, whole)} of what flows`
}
