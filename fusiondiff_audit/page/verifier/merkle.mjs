// Merkle trees of RFC 6962, section 2.1 (signing/merkle.py).

import { sameBytes } from './encoding.mjs'
import { Refusal } from './refusal.mjs'
import { sha256 } from './sha256.mjs'

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

export function leafHash(...parts) {
  return sha256(LEAF, ...parts)
}

function nodeHash(left, right) {
  return sha256(NODE, left, right)
}

// The root over some leaf hashes: pairs are hashed level by level, and a last one without a partner rises as it is.
export function rootOf(hashes) {
  if (!hashes.length) return sha256()
  let level = hashes
  while (level.length > 1) {
    const above = []
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i], level[i + 1]))
    if (level.length % 2) above.push(level.at(-1))
    level = above
  }
  return level[0]
}

// Refuse a leaf hash that is not at `index` in the tree of that size and root (RFC 9162, 2.1.3.2).
export function refuseWrongInclusion(leaf, index, size, path, root, where) {
  const fault = (what) => new Refusal('bad-proof', `${where}: not proven: ${what}`)
  if (index >= size) throw fault(`leaf ${index} of ${size}`)
  const inner = bitLength(index ^ (size - 1n))
  const border = (index >> BigInt(inner)).toString(2).replaceAll('0', '').length
  if (path.length !== inner + border) throw fault(`expected ${inner + border} hashes, found ${path.length}`)
  let computed = leaf
  path.forEach((sibling, level) => {
    const isLeft = level >= inner || (index >> BigInt(level)) & 1n
    computed = isLeft ? nodeHash(sibling, computed) : nodeHash(computed, sibling)
  })
  if (!sameBytes(computed, root)) throw fault('the proof leads to another root')
}

function bitLength(number) {
  return number ? number.toString(2).length : 0
}
