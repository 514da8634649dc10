// The place "Swarm": what flows now, what flowed before, and who holds and sends what.
// Not the figures: the server has them; the parts below draw them.
// Invariant: whatever is a picture here is also a table, and nothing is said by colour alone.

import type { SwarmNow } from '@evastream/protocol/swarm-http'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'
import { DemoCard } from './demo-card.tsx'
import { FourNumbers } from './four-numbers.tsx'
import { SongSwarm } from './song-swarm.tsx'
import { TrafficChart } from './traffic-chart.tsx'

export function SwarmPlace() {
  const { events, about } = useServices()
  const now = useSignal<SwarmNow | undefined>(undefined)
  const chosen = useSignal<string | undefined>(undefined)
  useEffect(
    () =>
      events.watch<SwarmNow>({ topic: 'swarm' }, value => {
        now.value = value
      }),
    [],
  )
  const swarm = now.value
  const facts = about.value
  const songId = chosen.value ?? swarm?.swarms[0]?.songId
  return (
    <div class="swarm">
      <header class="place-head">
        <h1>Swarm</h1>
      </header>
      {swarm === undefined ? <p class="swarm-note">Asking the tracker …</p> : <FourNumbers now={swarm} />}
      {facts?.isDemo === true && <DemoCard />}
      {facts?.hasHistory === true && <TrafficChart />}
      {swarm !== undefined && swarm.swarms.length === 0 && <NobodyYet isReachable={swarm.isReachable} />}
      {swarm !== undefined && songId !== undefined && (
        <SongSwarm
          songId={songId}
          now={swarm}
          onChoose={id => {
            chosen.value = id
          }}
        />
      )}
    </div>
  )
}

function NobodyYet({ isReachable }: { readonly isReachable: boolean }) {
  return (
    <section class="swarm-card swarm-empty">
      <h2>{isReachable ? 'Nobody shares a song yet' : 'The tracker does not answer'}</h2>
      <p>
        {isReachable
          ? 'Play a song in the library. As soon as a listener holds a part of it, it appears here, chunk by chunk.'
          : 'Music goes on playing from what is here and from the server. The figures come back by themselves.'}
      </p>
    </section>
  )
}
