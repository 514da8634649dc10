// The operator's token: where it comes from, where the first start keeps it, and how it is compared.
// Not the tokens of peers: the tracker makes those for itself.
// Invariant: there is no default secret; the file is complete from the moment it has its name, and only its owner may read it.

import { createHash, timingSafeEqual } from 'node:crypto'
import { chmod, link, open, readFile, unlink } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { errnoOf } from './data-directories.ts'
import { randomToken } from './token-generator.ts'

export const OPERATOR_TOKEN_FILE = 'operator-token'
export const OPERATOR_TOKEN_VARIABLE = 'EVASTREAM_ADMIN_TOKEN'

export interface TokenPlaces {
  /** The metadata service's data directory. */
  readonly dataDir: string
  /** `--token` */
  readonly token?: string | undefined
  /** `--token-file` */
  readonly tokenFile?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

const TOKEN_EXPRESSION = /^[\x21-\x7e]{1,512}$/

/**
 * The metadata service's side: the token given, or the one in the data directory, made there (0600) at the first start.
 * @throws EvaError `EVA_CONFIG_INVALID` for a token or file that cannot be one, `EVA_DIRECTORY_UNWRITABLE`
 */
export async function loadOrMakeOperatorToken(places: TokenPlaces): Promise<string> {
  const path = join(places.dataDir, OPERATOR_TOKEN_FILE)
  return (await givenToken(places)) ?? (await storedToken(path)) ?? (await makeToken(path))
}

/**
 * The side of those who call the metadata service.
 * @throws EvaError `EVA_TOKEN_MISSING`, or `EVA_CONFIG_INVALID` for a token or file that cannot be one
 */
export async function findOperatorToken(places: TokenPlaces): Promise<string> {
  const token = (await givenToken(places)) ?? (await storedToken(join(places.dataDir, OPERATOR_TOKEN_FILE)))
  if (token === undefined) throw new EvaError('EVA_TOKEN_MISSING')
  return token
}

/** Takes the same time however far two tokens agree. */
export function isSameToken(left: string, right: string): boolean {
  return timingSafeEqual(digestOf(left), digestOf(right))
}

/** The token of an `Authorization: Bearer …` header, undefined without one. */
export function bearerTokenOf(request: { readonly headers: IncomingHttpHeaders }): string | undefined {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(request.headers.authorization ?? '')?.[1]
}

/**
 * A Fastify `onRequest` hook, so that the token is judged before a byte of the body is read.
 * The hook throws EvaError `EVA_TOKEN_REQUIRED` or `EVA_TOKEN_REJECTED`.
 */
export function requireToken(token: string): (request: { readonly headers: IncomingHttpHeaders }) => Promise<void> {
  return async request => {
    const presented = bearerTokenOf(request)
    if (presented === undefined) throw new EvaError('EVA_TOKEN_REQUIRED')
    if (!isSameToken(presented, token)) throw new EvaError('EVA_TOKEN_REJECTED')
  }
}

/** Whether the request presents the token, for what is shown to the operator and to others without it. */
export function hasToken(request: { readonly headers: IncomingHttpHeaders }, token: string): boolean {
  const presented = bearerTokenOf(request)
  return presented !== undefined && isSameToken(presented, token)
}

async function givenToken(places: TokenPlaces): Promise<string | undefined> {
  if (places.token !== undefined) return checked(places.token, '--token')
  const fromEnvironment = places.env[OPERATOR_TOKEN_VARIABLE]
  if (fromEnvironment !== undefined && fromEnvironment !== '') return checked(fromEnvironment, OPERATOR_TOKEN_VARIABLE)
  if (places.tokenFile === undefined) return undefined
  const fromFile = await readTokenFile(places.tokenFile, '--token-file')
  if (fromFile === undefined) throw invalid('--token-file', `the file ${places.tokenFile} does not exist`)
  return fromFile
}

async function storedToken(path: string): Promise<string | undefined> {
  const token = await readTokenFile(path, path)
  // A copy or a restored backup may have come with wider rights than the file was made with.
  if (token !== undefined) await chmod(path, 0o600).catch(ignoreForeignOwner)
  return token
}

function ignoreForeignOwner(cause: unknown): void {
  if (errnoOf(cause) !== 'EPERM' && errnoOf(cause) !== 'EROFS') throw cause
}

async function readTokenFile(path: string, key: string): Promise<string | undefined> {
  try {
    return checked((await readFile(path, 'utf8')).trim(), key)
  } catch (cause) {
    if (cause instanceof EvaError) throw cause
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return undefined
    throw invalid(key, `the file ${path} cannot be read (${errnoOf(cause)})`, cause)
  }
}

/** Written aside and linked into place: two first starts at once agree on one token, and nobody reads half of it. */
async function makeToken(path: string): Promise<string> {
  const token = randomToken()
  const aside = `${path}.${randomToken(6)}.tmp`
  try {
    const file = await open(aside, 'wx', 0o600)
    try {
      await file.writeFile(`${token}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(aside, path)
    return token
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST')
      throw new EvaError('EVA_DIRECTORY_UNWRITABLE', { details: { path, reason: errnoOf(cause), flag: '--data' }, cause })
    const winner = await readTokenFile(path, path)
    if (winner === undefined) throw invalid(path, 'it vanished while it was read', cause)
    return winner
  } finally {
    await unlink(aside).catch(ignoreMissing)
  }
}

function ignoreMissing(cause: unknown): void {
  if (errnoOf(cause) !== 'ENOENT') throw cause
}

function checked(token: string, key: string): string {
  if (!TOKEN_EXPRESSION.test(token)) throw invalid(key, 'a token is 1 to 512 visible ASCII characters without spaces')
  return token
}

function invalid(key: string, reason: string, cause?: unknown): EvaError {
  return new EvaError('EVA_CONFIG_INVALID', { details: { key, reason }, cause })
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
