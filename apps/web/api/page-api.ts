// The page's calls to the one server it talks to: JSON in, JSON out, and failures as what people can be told.
// Not what is done with the answers.
// Invariant: every call stays on the page's own address, and what is thrown is an ApiFailure or the caller's own abort.

/** Why a call brought no answer: what the server said, or that it said nothing. */
export class ApiFailure extends Error {
  /** `EVA_…`, or `UNREACHABLE`. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export interface CallOptions {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

export type Fetch = (path: string, init: RequestInit) => Promise<Response>

/** A path below this page's server, with its query; undefined and empty values are left out. */
export function pathWith(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') search.set(name, String(value))
  const text = search.toString()
  return text === '' ? path : `${path}?${text}`
}

export class PageApi {
  readonly #fetch: Fetch

  constructor(deps: { readonly fetch: Fetch }) {
    this.#fetch = deps.fetch
  }

  /** @throws ApiFailure */
  async call<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
    const { method = 'GET', body, signal, headers } = options
    const init: RequestInit = { method, headers: { accept: 'application/json', ...headers } }
    if (body !== undefined) Object.assign(init, { body: JSON.stringify(body) })
    if (body !== undefined) Object.assign(init.headers ?? {}, { 'content-type': 'application/json' })
    if (signal !== undefined) init.signal = signal
    const reply = await this.#fetch(path, init).catch(thrown => {
      if (signal?.aborted === true) throw thrown
      throw new ApiFailure('UNREACHABLE', 'EvaStream does not answer. It may be restarting.')
    })
    if (reply.ok) return (reply.status === 204 ? undefined : await reply.json()) as Answer
    throw await failureIn(reply)
  }
}

async function failureIn(reply: Response): Promise<ApiFailure> {
  const problem = (await reply.json().catch(() => ({}))) as { readonly code?: unknown; readonly detail?: unknown }
  const { code, detail } = problem
  return new ApiFailure(typeof code === 'string' ? code : `HTTP_${reply.status}`, typeof detail === 'string' ? detail : reply.statusText)
}
