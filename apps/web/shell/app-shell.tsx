// The page around its places: the way between them, the theme, and the place itself.
// Not what a place shows.
// Invariant: exactly one place is shown, it has the page's one main heading, and the way to it says so.

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { LibraryPlace } from '../library/library-place.tsx'
import { OperatorPlace } from '../operator/operator-place.tsx'
import { HelpSheet } from '../player/help-sheet.tsx'
import { PlayerBar } from '../player/player-bar.tsx'
import { NowPlace } from '../queue/now-place.tsx'
import { SharingNotice } from '../queue/sharing-notice.tsx'
import { SwarmPlace } from '../swarm/swarm-place.tsx'
import { hashOf, libraryRoute, type Place, type Route } from './hash-route.ts'
import { Icon, type IconName } from './icon.tsx'
import { useServices } from './page-services.ts'
import { ThemeSwitch } from './theme-switch.tsx'

interface WayTo {
  readonly place: Place
  readonly label: string
  readonly icon: IconName
  readonly route: Route
}

const WAYS: readonly WayTo[] = [
  { place: 'library', label: 'Library', icon: 'library', route: libraryRoute() },
  { place: 'now', label: 'Now playing', icon: 'now', route: { place: 'now' } },
  { place: 'swarm', label: 'Swarm', icon: 'swarm', route: { place: 'swarm' } },
]

/** Where the page is served with a library to manage. */
const MANAGE: WayTo = { place: 'manage', label: 'Manage', icon: 'manage', route: { place: 'manage' } }

export function AppShell() {
  const { route, about } = useServices()
  const main = useRef<HTMLElement>(null)
  const { place } = route.value
  const isFirst = useRef(true)
  // Who uses the keyboard or listens to the page goes on where the new place begins.
  useEffect(() => {
    const isThere = main.current?.contains(document.activeElement) === true
    if (!isFirst.current && !isThere) main.current?.focus()
    isFirst.current = false
    main.current?.scrollTo(0, 0)
  }, [place])
  return (
    <div class="shell">
      <a class="shell-skip" href={hashOf(route.value)} onClick={event => skipTo(event, main.current)}>
        To the content
      </a>
      <header class="shell-rail">
        <p class="shell-name">EvaStream</p>
        <nav aria-label="Places">
          <ul class="shell-ways">
            {(about.value?.operator == null ? WAYS : [...WAYS, MANAGE]).map(way => (
              <Way key={way.place} way={way} isHere={way.place === place} />
            ))}
          </ul>
        </nav>
        <ServedBy />
        <ThemeSwitch />
      </header>
      <main class="shell-main" tabIndex={-1} ref={main}>
        <SharingNotice />
        {placeOf(route.value)}
      </main>
      <PlayerBar />
      <HelpSheet />
    </div>
  )
}

function ServedBy() {
  const { about } = useServices()
  if (about.value === undefined) return null
  const isGateway = about.value.servedBy === 'gateway'
  return <p class="shell-served">{isGateway ? "Played through the operator's gateway" : 'Played by your own peer'}</p>
}

function Way({ way, isHere }: { readonly way: WayTo; readonly isHere: boolean }) {
  return (
    <li>
      <a class="shell-way" href={hashOf(way.route)} aria-current={isHere ? 'page' : undefined}>
        <Icon name={way.icon} />
        <span>{way.label}</span>
      </a>
    </li>
  )
}

function placeOf(route: Route): ComponentChildren {
  switch (route.place) {
    case 'library':
      return <LibraryPlace />
    case 'now':
      return <NowPlace />
    case 'swarm':
      return <SwarmPlace />
    case 'manage':
      return <OperatorPlace />
  }
}

function skipTo(event: Event, main: HTMLElement | null): void {
  event.preventDefault()
  main?.focus()
}
