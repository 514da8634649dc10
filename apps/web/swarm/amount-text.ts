// Amounts as people read them: bytes, rates and money in a few characters.
// Not measures: nothing is counted here.
// Invariant: the same amount always reads the same, and a thousand bytes are a kilobyte, as bills have it.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

export function bytesText(bytes: number): string {
  let amount = Math.max(0, bytes)
  let unit = 0
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1000
    unit++
  }
  const digits = unit === 0 || amount >= 100 ? 0 : amount >= 10 ? 1 : 2
  return `${amount.toFixed(digits)} ${UNITS[unit]}`
}

export function rateText(bytesPerSecond: number): string {
  return `${bytesText(bytesPerSecond)}/s`
}

/** In the operator's own money, whatever it is. */
export function moneyText(bytes: number, pricePerGb: number): string {
  const amount = (bytes / 1e9) * pricePerGb
  return amount > 0 && amount < 0.01 ? 'less than 0.01' : amount.toFixed(2)
}

/** The share in whole percents, of which 0 and 100 mean nothing and all. */
export function percentText(part: number, whole: number): string {
  if (whole <= 0) return '0 %'
  const percent = Math.round((part / whole) * 100)
  return `${part > 0 && part < whole ? Math.min(99, Math.max(1, percent)) : percent} %`
}
