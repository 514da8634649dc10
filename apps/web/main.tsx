// The page's door: its parts are made here, from what the browser has, and shown.
// Not behaviour: every part has a file of its own.
// Invariant: the only file of the page that reaches for the browser's globals by itself.

import type { PageAbout } from '@evastream/protocol/page-http'
import { signal } from '@preact/signals'
import { render } from 'preact'
import { EventHub } from './api/event-hub.ts'
import { PageApi } from './api/page-api.ts'
import { OperatorDesk } from './operator/operator-desk.ts'
import { pressed } from './player/keyboard.ts'
import { listenerName } from './player/listener-name.ts'
import { showInSession } from './player/media-session.ts'
import { Player } from './player/player.ts'
import { AppShell } from './shell/app-shell.tsx'
import { hashOf, routeOf } from './shell/hash-route.ts'
import { type PageServices, ServicesProvider } from './shell/page-services.ts'
import { makeTheme } from './shell/theme.ts'

const api = new PageApi({ fetch: (path, init) => window.fetch(path, init) })
const events = new EventHub({
  openLine: path => new EventSource(path),
  page: document,
  after: (delayMs, task) => void window.setTimeout(task, delayMs),
})
const theme = makeTheme({ root: document.documentElement, storage: window.localStorage })
const route = signal(routeOf(location.hash))
window.addEventListener('hashchange', () => {
  route.value = routeOf(location.hash)
})
const go: PageServices['go'] = (next, { replace = false } = {}) => {
  if (replace) {
    history.replaceState(null, '', hashOf(next))
    route.value = next
  } else location.hash = hashOf(next)
}
const listener = listenerName(window.sessionStorage, () => Math.random())
const isHelpOpen = signal(false)
const player = new Player({
  audio: new Audio(),
  storage: window.localStorage,
  orderAhead: songIds => {
    // Only a wish: without it the next song begins a little later.
    api.call(`/api/queue?listener=${listener}`, { method: 'PUT', body: { songIds } }).catch(() => null)
  },
  after: (delayMs, task) => void window.setTimeout(task, delayMs),
  chance: () => Math.random(),
})
const operator = new OperatorDesk({ api, storage: window.sessionStorage })
showInSession(player, navigator.mediaSession)
document.addEventListener('keydown', event => pressed(event, { player, isHelpOpen }))
const about = signal<PageAbout | undefined>(undefined)

const after: PageServices['after'] = (delayMs, task) => void window.setTimeout(task, delayMs)

const root = document.getElementById('page')
if (root !== null)
  render(
    <ServicesProvider value={{ api, events, player, operator, isHelpOpen, go, storage: window.localStorage, theme, route, about, after }}>
      <AppShell />
    </ServicesProvider>,
    root,
  )
const askAbout = () =>
  api.call<PageAbout>('/api/about').then(
    answer => {
      about.value = answer
    },
    () => {
      window.setTimeout(() => void askAbout(), 2000)
    },
  )
void askAbout()
