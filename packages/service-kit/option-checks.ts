// The checks that options share: ports, whole numbers, URLs.
// Not the relations between options: an app's config.ts asserts those.
// Invariant: a check returns undefined for a good value, else the reason as the end of a sentence that begins with "it is".

type Check = (value: string | number | boolean | readonly string[]) => string | undefined

/** A port to listen on; 0 asks for a free one. */
export const checkPort: Check = wholeNumber(0, 65_535)

/** Both bounds included. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`
  return value =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max ? undefined : `it is a whole number ${range}`
}

/** The address of a service: http or https, without credentials, query or fragment. */
export const checkServiceUrl: Check = value => {
  const reason = 'it is an address like http://127.0.0.1:8081'
  if (typeof value !== 'string' || !URL.canParse(value)) return reason
  const url = new URL(value)
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:'
  return isHttp && url.username === '' && url.password === '' && url.search === '' && url.hash === '' ? undefined : reason
}
