// From whatever was thrown to an application/problem+json reply: the one place where errors meet HTTP.
// Not the error table: codes, sentences and statuses come from packages/core/errors.ts.
// Invariant: no stack trace, no cause and no path of this machine's internals leaves with a reply.

import { type ErrorCode, type ErrorDetails, EvaError, toEvaError } from '@evastream/core/errors'
import { PROBLEM_MEDIA_TYPE } from '@evastream/protocol/problem-http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from './logger.ts'

const NOTHING: ErrorDetails = Object.freeze({})

/** The body of an error reply. */
export function problemOf(error: EvaError): Record<string, string | number | boolean> {
  return {
    // An assertion's reason speaks of our own code; callers get the code alone.
    ...(error.code === 'EVA_INTERNAL' ? NOTHING : error.details),
    type: `urn:evastream:error:${error.code}`,
    title: titleOf(error.code),
    status: error.httpStatus,
    detail: error.message,
    code: error.code,
    nextStep: error.nextStep,
  }
}

/** Sends any thrown value as a problem; what blames ourselves is logged as an error, a caller's mistake as debug talk. */
export function sendProblem(thrown: unknown, exchange: { request: FastifyRequest; reply: FastifyReply; logger: Logger }): FastifyReply {
  const { request, reply, logger } = exchange
  const error = asEvaError(thrown, request)
  const facts = { code: error.code, method: request.method, route: request.routeOptions.url }
  if (error.httpStatus >= 500 && !error.retryable) logger.error({ ...facts, err: thrown }, 'a request failed')
  else logger.debug({ ...facts, detail: error.message }, 'a request was refused')
  const { retryAfterMs, allowed } = error.details
  if (typeof retryAfterMs === 'number') reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  if (error.code === 'EVA_METHOD_NOT_ALLOWED') reply.header('allow', String(allowed))
  if (error.code === 'EVA_TOKEN_REQUIRED') reply.header('www-authenticate', 'Bearer')
  // Sent as text: a reply schema of the route must not reshape it.
  return reply
    .code(error.httpStatus)
    .header('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problemOf(error)))
}

function titleOf(code: ErrorCode): string {
  const words = code.slice('EVA_'.length).toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Fastify's own refusals in the words of our table. */
function asEvaError(thrown: unknown, request: FastifyRequest): EvaError {
  if (thrown instanceof EvaError || !(thrown instanceof Error)) return toEvaError(thrown)
  const { code, statusCode, validation, validationContext } = thrown as Partial<ThrownByFastify>
  if (validation !== undefined) return invalidField(validation, validationContext ?? 'request', thrown)
  switch (code ?? '') {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new EvaError('EVA_REQUEST_TOO_LARGE', { details: { limitBytes: request.routeOptions.bodyLimit ?? 0 }, cause: thrown })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new EvaError('EVA_MEDIA_TYPE_UNSUPPORTED', {
        details: { value: (request.headers['content-type'] ?? '').slice(0, 64) },
        cause: thrown,
      })
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return refused('the body is empty', thrown)
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return refused('the body is not JSON, or has a field that no body may have', thrown)
    default:
      if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return toEvaError(thrown)
      return refused(thrown instanceof SyntaxError ? 'the body is not acceptable JSON' : lowerFirst(thrown.message), thrown)
  }
}

interface ThrownByFastify {
  readonly code: string
  readonly statusCode: number
  readonly validation: readonly FieldFault[]
  readonly validationContext: string
}

interface FieldFault {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Record<string, unknown>
  readonly message?: string
}

/** Ids have codes of their own, in whichever part of a request they stand. */
const CODE_OF_FIELD: Readonly<Record<string, ErrorCode>> = {
  id: 'EVA_SONG_ID_INVALID',
  songId: 'EVA_SONG_ID_INVALID',
  peerId: 'EVA_PEER_ID_INVALID',
  reportedPeerId: 'EVA_PEER_ID_INVALID',
  chunkId: 'EVA_CHUNK_ID_INVALID',
}

function invalidField(faults: readonly FieldFault[], context: string, cause: Error & { value?: unknown }): EvaError {
  const fault = faults[0]
  if (fault === undefined) return refused('it does not match its schema', cause)
  const path = fieldPath(fault.instancePath)
  if (fault.keyword === 'required') return refusedField(joined(path, String(fault.params.missingProperty)), 'is missing', cause)
  if (fault.keyword === 'additionalProperties' || fault.keyword === 'unevaluatedProperties') {
    const name = String(fault.params.additionalProperty ?? fault.params.unevaluatedProperty)
    return refusedField(joined(path, name.slice(0, 64)), 'is not known', cause)
  }
  const field = path === '' ? `the ${context === 'querystring' ? 'query' : context}` : path
  const code = CODE_OF_FIELD[path.replace(/^chunks\[\d+\]\./, '')]
  if (code !== undefined && fault.keyword !== 'type') return new EvaError(code, { details: { value: valueAt(fault), field }, cause })
  return refusedField(field, fault.message ?? 'does not fit', cause)
}

function valueAt(fault: FieldFault): string {
  const value = (fault as FieldFault & { data?: unknown }).data
  return String(value).slice(0, 64)
}

function fieldPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, step) => (/^\d+$/.test(step) ? `${path}[${step}]` : joined(path, step)), '')
}

function joined(path: string, step: string): string {
  return path === '' ? step : `${path}.${step}`
}

function refusedField(field: string, reason: string, cause: unknown): EvaError {
  return new EvaError('EVA_REQUEST_INVALID', { details: { field, reason: `${quoted(field)} ${reason}` }, cause })
}

function quoted(field: string): string {
  return field.startsWith('the ') ? field : `"${field}"`
}

function refused(reason: string, cause: unknown): EvaError {
  return new EvaError('EVA_REQUEST_INVALID', { details: { reason }, cause })
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
