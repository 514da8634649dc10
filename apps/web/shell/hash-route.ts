// Where in the page the listener is, as it stands behind the # of the address.
// Not the places themselves: app-shell.tsx shows them.
// Invariant: routeOf(hashOf(route)) is the route again, and every hash, however strange, is some route.

type LibraryTab = 'albums' | 'artists' | 'songs'

export interface LibraryRoute {
  readonly place: 'library'
  readonly tab: LibraryTab
  /** What is searched for; empty: nothing. */
  readonly query: string
  readonly album: string | undefined
  readonly artist: string | undefined
}

export type Route = LibraryRoute | { readonly place: 'now' } | { readonly place: 'swarm' } | { readonly place: 'manage' }
export type Place = Route['place']

const TABS: readonly LibraryTab[] = ['albums', 'artists', 'songs']
const OTHER_PLACES = ['now', 'swarm', 'manage'] as const

export function libraryRoute(parts: Partial<Omit<LibraryRoute, 'place'>> = {}): LibraryRoute {
  return { place: 'library', tab: 'albums', query: '', album: undefined, artist: undefined, ...parts }
}

/** `#/songs?query=night` → the route; what is no route is the library. */
export function routeOf(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const place = OTHER_PLACES.find(name => name === path)
  if (place !== undefined) return { place }
  const found = new URLSearchParams(search)
  return libraryRoute({
    tab: TABS.find(name => name === path) ?? 'albums',
    query: found.get('query') ?? '',
    album: found.get('album') ?? undefined,
    artist: found.get('artist') ?? undefined,
  })
}

export function hashOf(route: Route): string {
  if (route.place !== 'library') return `#/${route.place}`
  const { query, album, artist } = route
  const search = new URLSearchParams()
  if (query !== '') search.set('query', query)
  if (album !== undefined) search.set('album', album)
  if (artist !== undefined) search.set('artist', artist)
  const text = search.toString()
  return `#/${route.tab}${text === '' ? '' : `?${text}`}`
}
