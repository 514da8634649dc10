// Which methods each path of a server knows, so that a wrong method is told from a wrong path.
// Not the router: it is asked only after the router found nothing.
// Invariant: knows exactly the routes it was told of.

/** Collects routes as they are added (`:name` and `*` patterns) and answers which methods a path allows. */
export class RouteCatalog {
  readonly #methods = new Map<string, { readonly expression: RegExp; readonly methods: Set<string> }>()

  add(pattern: string, methods: string | readonly string[]): void {
    const entry = this.#methods.get(pattern) ?? { expression: expressionOf(pattern), methods: new Set<string>() }
    for (const method of typeof methods === 'string' ? [methods] : methods) entry.methods.add(method.toUpperCase())
    this.#methods.set(pattern, entry)
  }

  /** Sorted; empty for a path that nothing answers. */
  methodsOf(path: string): string[] {
    const allowed = new Set<string>()
    for (const { expression, methods } of this.#methods.values()) {
      if (expression.test(path)) for (const method of methods) allowed.add(method)
    }
    return [...allowed].sort()
  }
}

function expressionOf(pattern: string): RegExp {
  const source = pattern
    .split('/')
    .map(step => {
      if (step === '*') return '.*'
      const [, parameter = '', literal = ''] = /^(:[A-Za-z]+)?(.*)$/.exec(step) ?? []
      return (parameter === '' ? '' : '[^/]+') + literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    })
    .join('/')
  return new RegExp(`^${source}$`)
}
