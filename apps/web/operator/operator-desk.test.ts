import { describe, expect, it } from 'vitest'
import { PageApi } from '../api/page-api.ts'
import { OperatorDesk } from './operator-desk.ts'

const TOKEN = 'right'

/** A server that knows one token, or none any more. */
function aDesk({ kept = '' } = {}) {
  const server = { token: TOKEN, isDown: false }
  const sent: (string | null)[] = []
  const refusal = (status: number, code: string) => new Response(JSON.stringify({ code, detail: 'no' }), { status })
  const api = new PageApi({
    fetch: async (_path, { headers }) => {
      if (server.isDown) throw new TypeError('down')
      const authorization = new Headers(headers).get('authorization')
      sent.push(authorization)
      if (authorization === null) return refusal(401, 'EVA_TOKEN_REQUIRED')
      return authorization === `Bearer ${server.token}` ? new Response('{}') : refusal(403, 'EVA_TOKEN_REJECTED')
    },
  })
  const store = new Map([['evastream-operator-token', kept]])
  const storage = { getItem: (key: string) => store.get(key) ?? null, setItem: (key: string, value: string) => void store.set(key, value) }
  return { desk: new OperatorDesk({ api, storage }), server, sent, keptToken: () => [...store.values()][0] }
}

describe("the operator's desk: its token", () => {
  it('the right one: is tried, kept for this tab, and sent with every call', async () => {
    const { desk, sent, keptToken } = aDesk()
    expect(desk.headers).toEqual({})
    await desk.tryToken(TOKEN)
    await desk.call('/scan')
    expect([desk.token.value, desk.tokenTrouble.value, keptToken(), sent]).toEqual([TOKEN, '', TOKEN, ['Bearer right', 'Bearer right']])
  })

  it.each(['wrong', 'with spaces in it', 'ключ'])('%j: is not kept, and what is wrong is said', async token => {
    const { desk, keptToken } = aDesk()
    await desk.tryToken(token)
    expect([desk.token.value, keptToken(), desk.tokenTrouble.value]).toEqual(['', '', "This is not the operator's token."])
  })

  it('a server that does not answer: is not taken for a wrong token', async () => {
    const { desk, server } = aDesk()
    server.isDown = true
    await desk.tryToken(TOKEN)
    expect(desk.tokenTrouble.value).toMatch(/does not answer/)
  })

  it('kept, and refused later: is asked for again, with the reason', async () => {
    const { desk, server, keptToken } = aDesk({ kept: TOKEN })
    server.token = 'another'
    await desk.call('/scan').catch(() => 'refused')
    expect([desk.token.value, keptToken(), desk.tokenTrouble.value]).toEqual([
      '',
      '',
      'The token is not accepted any more: give the new one.',
    ])
  })
})
