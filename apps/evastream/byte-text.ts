// Bytes as people read them: decimal units, three figures.
// Not for machines: data carries plain numbers.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

export function byteText(sizeBytes: number): string {
  let value = sizeBytes
  let unit = 0
  // 999.5 would be printed as 1000.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}
