// Opening a port, with errors that say which, who has it, and what to do.
// Not for picking ports: only port 0 asks for a free one.
// Invariant: what is returned is the real port, and a URL that works on this machine.

import type { Server } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import { errnoOf } from './data-directories.ts'
import { describePortHolder } from './port-holder.ts'

export interface ListenOptions {
  readonly host: string
  /** 0 asks for any free port. */
  readonly port: number
  /** The flag that chooses the port, for the messages: `--port`. */
  readonly portFlag: string
  /** The flag that chooses the host; `--host` unless said otherwise. */
  readonly hostFlag?: string
}

export interface ListeningAddress {
  readonly url: string
  readonly port: number
}

interface ListeningApp {
  readonly server: Server
  listen(options: { host: string; port: number }): Promise<string>
}

/** @throws EvaError `EVA_PORT_TAKEN`, `EVA_PORT_FORBIDDEN` or `EVA_HOST_UNAVAILABLE` */
export async function listen(app: ListeningApp, options: ListenOptions): Promise<ListeningAddress> {
  try {
    // One server, not one for each address that the name has.
    const host = options.host === 'localhost' ? '127.0.0.1' : options.host
    await app.listen({ host, port: options.port })
  } catch (cause) {
    throw await listenError(cause, options)
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return { port, url: `http://${urlHost(options.host)}:${port}` }
}

/** The error of a listening attempt, for raw TCP servers too. */
export async function listenError(cause: unknown, options: ListenOptions): Promise<unknown> {
  const { host, port, portFlag, hostFlag = '--host' } = options
  switch (errnoOf(cause)) {
    case 'EADDRINUSE':
      return new EvaError('EVA_PORT_TAKEN', { details: { port, holder: await describePortHolder(port), flag: portFlag }, cause })
    case 'EACCES':
      return new EvaError('EVA_PORT_FORBIDDEN', { details: { port, flag: portFlag }, cause })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
    case 'EAFNOSUPPORT':
      return new EvaError('EVA_HOST_UNAVAILABLE', { details: { host, flag: hostFlag }, cause })
    default:
      return cause
  }
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
