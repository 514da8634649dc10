// Amounts of bytes as people type them: `500K`, `2M`, `1.5G`, or plain digits.
// Not their printing, and not a rate by itself: the option says per what.
// Invariant: decimal units, and a whole number of bytes that counts exactly.

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 }

/** @returns undefined for anything else. */
export function byteAmountOf(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,12}(?:\.\d{1,6})?)([KMG]?)$/i.exec(text) ?? []
  if (digits === undefined) return undefined
  const amount = Math.round(Number(digits) * (UNITS[unit.toUpperCase()] ?? 1))
  return Number.isSafeInteger(amount) ? amount : undefined
}
