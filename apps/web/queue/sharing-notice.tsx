// What others will see of this listener, said once, before anything is given to anybody.
// Not the standing account of it (sharing-card.tsx).
// Invariant: it stays until it was read, and is said again only to another browser.

import { useEffect, useState } from 'preact/hooks'
import { hashOf } from '../shell/hash-route.ts'
import { useServices } from '../shell/page-services.ts'

const KEY = 'evastream.sharing-read'

export function SharingNotice() {
  const { about, events, storage } = useServices()
  const [isSharing, setSharing] = useState(false)
  const [isRead, setRead] = useState(storage.getItem(KEY) !== null)
  const isOwnPeer = about.value?.servedBy === 'peer'
  useEffect(() => {
    if (isRead || !isOwnPeer) return
    return events.watch<{ readonly sharing: string }>({ topic: 'status' }, ({ sharing }) => setSharing(sharing === 'on'))
  }, [events, isRead, isOwnPeer])
  if (isRead || !isSharing) return null
  const read = () => {
    storage.setItem(KEY, 'yes')
    setRead(true)
  }
  return (
    <aside class="notice" aria-label="Sharing">
      <p>
        Your peer shares: other listeners can see your address and which songs you have, and may fetch those from you.{' '}
        <a href={hashOf({ place: 'now' })}>How to change that</a>
      </p>
      <button type="button" class="plain" onClick={read}>
        Understood
      </button>
    </aside>
  )
}
