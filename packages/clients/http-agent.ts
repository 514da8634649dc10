// The connections of the origin's client: kept alive, bounded in number, and impatient.
// Not a client: what is asked and what an answer means is said by its users. Nothing is retried and no redirect followed here.
// Invariant: whatever goes wrong on the wire is told as one of five kinds, whichever library error it was.

import { SECOND_MS } from '@evastream/core/units'
import { Agent } from 'undici'

export interface AgentOptions {
  /** The longest that a server may keep silent before and while it answers. */
  readonly silenceTimeoutMs: number
  readonly connectionsMax: number
  /** A longer reply is an error; -1 leaves the judging to the reader of the body. */
  readonly replyMaxBytes: number
}

const CONNECT_TIMEOUT_MS = 2 * SECOND_MS

export function makeAgent(options: AgentOptions): Agent {
  return new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    connections: options.connectionsMax,
    headersTimeout: options.silenceTimeoutMs,
    bodyTimeout: options.silenceTimeoutMs,
    maxResponseSize: options.replyMaxBytes,
    pipelining: 1,
  })
}

export interface WireFailure {
  /** `closed`: this client was, while the call ran. */
  readonly kind: 'unreachable' | 'timeout' | 'oversized' | 'garbled' | 'closed'
  readonly reason: string
}

const KIND_BY_CODE: Readonly<Record<string, WireFailure['kind']>> = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'oversized',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'garbled',
  UND_ERR_HEADERS_OVERFLOW: 'garbled',
  UND_ERR_DESTROYED: 'closed',
  UND_ERR_CLOSED: 'closed',
}

export function wireFailureOf(thrown: unknown): WireFailure {
  const { code, message, name } = thrown as { readonly code?: unknown; readonly message?: unknown; readonly name?: unknown }
  const reason = String(code ?? message ?? thrown)
  if (name === 'TimeoutError') return { kind: 'timeout', reason }
  if (name === 'HTTPParserError') return { kind: 'garbled', reason: 'it is not HTTP' }
  return { kind: KIND_BY_CODE[reason] ?? 'unreachable', reason: code === 'UND_ERR_SOCKET' ? String(message) : reason }
}
