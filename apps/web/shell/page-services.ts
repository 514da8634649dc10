// What the parts of the page share: the server's voice, what it said of itself, the place, the theme.
// Not state of one place: a place makes its own.
// Invariant: made once, in main.tsx; everything else gets it through the context.

import type { PageAbout } from '@evastream/protocol/page-http'
import type { ReadonlySignal, Signal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { EventHub } from '../api/event-hub.ts'
import { ApiFailure, type PageApi } from '../api/page-api.ts'
import type { OperatorDesk } from '../operator/operator-desk.ts'
import type { Player } from '../player/player.ts'
import type { Route } from './hash-route.ts'
import type { ThemeChoice } from './theme.ts'

export interface PageServices {
  readonly api: PageApi
  readonly events: EventHub
  readonly player: Player
  readonly operator: OperatorDesk
  /** Whether the sheet of keys is open. */
  readonly isHelpOpen: Signal<boolean>
  /** Puts another place behind the #; `replace` leaves no trace to go back to. */
  go(route: Route, options?: { readonly replace?: boolean }): void
  /** What this browser keeps for the page. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem'>
  readonly theme: Signal<ThemeChoice>
  readonly route: ReadonlySignal<Route>
  after(delayMs: number, task: () => void): void
  /** Undefined until the server has answered. */
  readonly about: ReadonlySignal<PageAbout | undefined>
}

const Services = createContext<PageServices | undefined>(undefined)

export const ServicesProvider = Services.Provider

export function useServices(): PageServices {
  const services = useContext(Services)
  if (services === undefined) throw new ApiFailure('NO_SERVICES', 'A part of the page stands outside of it.')
  return services
}
