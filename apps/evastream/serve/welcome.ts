// What the operator reads once the house is open: addresses, a QR code for the phone, how others join, and the token once.
// Not the log. The token goes to a person at the first start alone; programs (--json) find it in its file.
// Invariant: nothing here is needed by a program.

import { join } from 'node:path'
import { OPERATOR_TOKEN_FILE } from '@evastream/service-kit/operator-token'
import { renderUnicodeCompact } from 'uqr'
import type { House } from './house.ts'

export interface WelcomeFacts {
  readonly isLan: boolean
  readonly isFirstStart: boolean
  readonly isTerminal: boolean
  readonly dataDir: string
}

export function welcome({ url, services, operatorToken }: House, { isLan, isFirstStart, isTerminal, dataDir }: WelcomeFacts): string {
  const { metadata, tracker, origin } = services
  const tokenFile = join(dataDir, 'metadata', OPERATOR_TOKEN_FILE)
  return [
    '',
    `  The page      ${url}`,
    `  For players   ${url}/library.m3u8`,
    `  To join in    evastream peer --metadata ${metadata} --tracker ${tracker} --origin ${origin}`,
    ...(isFirstStart
      ? ['', `  Your operator token, shown this once: ${operatorToken}`, `  It is kept in ${tokenFile}`]
      : isLan
        ? ['', `  Your operator token is in ${tokenFile}`]
        : []),
    ...(isLan ? ['', renderUnicodeCompact(url, { border: 2 })] : []),
    ...(isTerminal ? ['', '  Keys: o opens the page, q quits'] : []),
    '',
    '',
  ].join('\n')
}
