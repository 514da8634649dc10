// A short way past the framework, for calls of which there are so many that its share of each counts.
// Not another interface: a lane answers only what is in perfect order, and hands on everything else, refusals included, untouched.
// Invariant: once the server is closing, a lane takes nothing; and who watches over connections sees every request that may last.

import type { RequestListener } from 'node:http'
import type { HttpApp } from './http-app.ts'

export interface LaneOptions {
  /** Its answers may still be under way when the server closes, which waits for those that its watchers saw (http-connections.ts). */
  readonly isWatched: boolean
}

/** Puts what `make` returns in front of `app`, which has all of its listeners by then; `pass` hands a request on, at once or later. */
export function openHttpLane(app: HttpApp, make: (pass: RequestListener) => RequestListener, { isWatched }: LaneOptions): void {
  const { server } = app
  const listeners = server.listeners('request') as RequestListener[]
  // The framework's own comes with the server; the others only look on.
  const watchers = isWatched ? listeners.slice(1) : []
  const others = isWatched ? listeners.slice(0, 1) : listeners
  const pass: RequestListener = (request, response) => {
    for (const listener of others) listener.call(server, request, response)
  }
  const take = make(pass)
  let isOpen = true
  app.addHook('preClose', async () => {
    isOpen = false
  })
  server.removeAllListeners('request')
  for (const watcher of watchers) server.on('request', watcher)
  server.on('request', (request, response) => (isOpen ? take : pass)(request, response))
}
