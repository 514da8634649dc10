// What this peer gives to others, and what they can see of it.
// Not the giving: the peer does that, as it was started.
// Invariant: it speaks of the listener's own peer only where that serves the page.

import type { PeerStatus } from '@evastream/protocol/peer-http'
import { useEffect, useState } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'

type Status = Pick<PeerStatus, 'sharing' | 'sentBytes' | 'peers'>

const MODES = {
  on: ['Sharing is on', 'Other listeners can see your address and which songs you have, and may fetch those from you.'],
  'receive-only': ['You only receive', 'You take from other listeners and give nothing. Those you fetch from see your address.'],
  off: ['Sharing is off', 'You speak to no other listener. Everything comes from the server.'],
} as const

export function SharingCard() {
  const { about, events } = useServices()
  const [status, setStatus] = useState<Status>()
  useEffect(() => events.watch<Status>({ topic: 'status' }, setStatus), [events])
  if (about.value === undefined || status === undefined) return null
  if (about.value.servedBy === 'gateway')
    return (
      <section class="card" aria-label="Sharing">
        <h2>Played through the operator's gateway</h2>
        <p>This page gives nothing to others: the operator's peer does, for all who listen here.</p>
      </section>
    )
  const [title, text] = MODES[status.sharing]
  return (
    <section class="card" aria-label="Sharing">
      <h2>{title}</h2>
      <p>{text}</p>
      <p>
        Given so far: {megabytesText(status.sentBytes)}, to {status.peers.uploadingTo} now. To change this, start the peer with{' '}
        <code>--sharing=on</code>, <code>receive-only</code> or <code>off</code>.
      </p>
    </section>
  )
}

function megabytesText(sizeBytes: number): string {
  return `${(sizeBytes / 1_000_000).toFixed(sizeBytes < 10_000_000 ? 1 : 0)} MB`
}
