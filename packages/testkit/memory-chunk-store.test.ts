// The memory store keeps the contract that the disk store keeps.
// Not its own tests: there is nothing else to it.
// Invariant: what passes with the memory store fails with the disk store only for reasons of disks.

import { chunkStoreContract } from './chunk-store-contract.ts'
import { MemoryChunkStore } from './memory-chunk-store.ts'

chunkStoreContract(async () => new MemoryChunkStore())
