// The peer's sharing switch as the page sees it, and the turning of it.
// Not what is shown of it (sharing-field.tsx).
// Invariant: what is shown is what the peer says, also when the switch was turned elsewhere.

import type { SharingState } from '@evastream/protocol/sharing-http'
import { useEffect, useState } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'

export interface SharingWatch {
  readonly state: SharingState
  /** Why it could not be turned; undefined when it could. */
  readonly trouble: string | undefined
  turn(mode: SharingState['mode']): void
}

/** Undefined until the peer has told, and where another's peer serves the page. */
export function useSharing(): SharingWatch | undefined {
  const { about, api, events } = useServices()
  const [state, setState] = useState<SharingState>()
  const [trouble, setTrouble] = useState<string>()
  const isOwnPeer = about.value?.servedBy === 'peer'
  useEffect(() => (isOwnPeer ? events.watch<SharingState>({ topic: 'sharing' }, setState) : undefined), [events, isOwnPeer])
  if (!isOwnPeer || state === undefined) return undefined
  const turn = async (mode: SharingState['mode']) => {
    setTrouble(undefined)
    try {
      setState(await api.call<SharingState>('/api/sharing', { method: 'PUT', body: { mode } }))
    } catch (thrown) {
      setTrouble(thrown instanceof Error ? thrown.message : String(thrown))
    }
  }
  return { state, trouble, turn: mode => void turn(mode) }
}
