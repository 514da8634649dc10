// What this peer gives to others, what they can see of it, and the switch for both.
// Not the giving: the peer does that.
// Invariant: it speaks of the listener's own peer only where that serves the page; elsewhere it says who decides.

import { useServices } from '../shell/page-services.ts'
import { SharingField } from './sharing-field.tsx'
import { useSharing } from './sharing-watch.ts'

export function SharingCard() {
  const { about } = useServices()
  const watch = useSharing()
  if (about.value?.servedBy === 'gateway')
    return (
      <section class="card" aria-label="Sharing">
        <h2>Played through the operator's gateway</h2>
        <p>You give nothing to others, and they see nothing of you: the operator's peer plays for all who listen here.</p>
        <p>Whether that peer shares what it holds is for the operator to decide.</p>
      </section>
    )
  if (watch === undefined) return null
  return (
    <section class="card" aria-label="Sharing">
      <h2>Sharing</h2>
      <SharingField watch={watch} />
      <p>Given so far: {megabytesText(watch.state.sentBytes)}.</p>
    </section>
  )
}

function megabytesText(sizeBytes: number): string {
  return `${(sizeBytes / 1_000_000).toFixed(sizeBytes < 10_000_000 ? 1 : 0)} MB`
}
