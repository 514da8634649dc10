import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { TransferLedger } from './transfer-ledger.ts'

describe('transfer ledger', () => {
  it('the figures for Prometheus: name the sources, the results and why bytes were wasted', async () => {
    const registry = new Registry()
    const ledger = new TransferLedger({ registry })
    const split = { originBytes: 0, peerBytes: 65_536 }
    ledger.received(split)
    ledger.chunkStored(split)
    ledger.chunkRefused({ originBytes: 1, peerBytes: 2 }, 'rejected')
    ledger.wasted(5, 'late')
    ledger.wasted(0, 'duplicate')
    ledger.sent(7)
    ledger.askedOrigin('override')
    ledger.askedOrigin('leased')
    const lines = (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
    expect(lines).toEqual([
      'evastream_peer_received_bytes_total{source="origin"} 0',
      'evastream_peer_received_bytes_total{source="peer"} 65536',
      'evastream_peer_chunks_total{source="peer",result="stored"} 1',
      'evastream_peer_chunks_total{source="mixed",result="rejected"} 1',
      'evastream_peer_wasted_bytes_total{reason="late"} 5',
      'evastream_peer_sent_bytes_total 7',
      'evastream_peer_origin_requests_total{permit="override"} 1',
      'evastream_peer_origin_requests_total{permit="leased"} 1',
    ])
    expect(ledger.totals()).toEqual({ originBytes: 0, peerBytes: 65_536, sentBytes: 7, wastedBytes: 5, overrides: 1 })
  })
})
