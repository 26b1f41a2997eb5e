// Signed notes of C2SP: checkpoints of a log, and proof files around one (signing/notes.py, signing/proofs.py).

import { fromUtf8, readBase64, sameBytes, utf8, writeBase64 } from './encoding.mjs'
import { verifySignature } from './keys.mjs'
import { leafHash, refuseWrongInclusion } from './merkle.mjs'
import { NeedsTool, Refusal, malformed, quoted } from './refusal.mjs'
import { sha256 } from './sha256.mjs'

export const MAX_NOTE = 64 * 1024 // bytes
const MAX_SIGNATURES = 16
const MAX_SIZE = 2n ** 63n - 1n // leaves
const MAX_PATH = 63 // hashes
const LINE = /^— ([^ \n+]+) ([A-Za-z0-9+/]+={0,2})$/
const NUMBER = /^(0|[1-9][0-9]{0,18})$/
const PROOF = 'c2sp.org/tlog-proof@v1'

// The size and root of the log named `origin`, if `key` signed them.
export async function openCheckpoint(data, where, origin, key) {
  refuseBadOrigin(origin, where)
  const { text, lines } = splitNote(data, where)
  const ownId = keyIdOf(origin, key, where)
  let valid = 0
  for (const line of lines) {
    const { name, blob } = readLine(line, where)
    if (name === origin && sameBytes(blob.subarray(0, 4), ownId)) {
      await verifySignature(key, blob.subarray(4), utf8(text), where)
      valid++
    }
  }
  if (!valid) throw new Refusal('no-signature', `${where}: not signed by key sha256:${key.keyid}`)
  return readCheckpoint(text, where, origin)
}

function refuseBadOrigin(origin, where) {
  if (/[^\x20-\x7e]/.test(origin)) throw new NeedsTool(`${where}: a log whose name is not ASCII`)
  if (!origin || /[+ ]/.test(origin)) throw new Refusal('bad-request', `${where}: ${quoted(origin)} cannot name a log`)
}

function keyIdOf(name, key, where) {
  if (key.algorithm !== 'ed25519')
    throw new Refusal('unsupported', `${where}: checkpoints are signed with Ed25519 keys, not ${key.algorithm}`)
  return sha256(utf8(`${name}\n`), Uint8Array.of(1), key.raw).subarray(0, 4)
}

function splitNote(data, where) {
  if (data.length > MAX_NOTE) throw new Refusal('too-large', `${where}: a note has at most ${MAX_NOTE} bytes`)
  const note = fromUtf8(data)
  if (note === null) throw malformed(where, 'not UTF-8')
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) throw malformed(where, 'a note holds no control characters')
  const end = note.lastIndexOf('\n\n')
  const signatures = note.slice(end + 2)
  if (end < 1 || !signatures.endsWith('\n')) throw malformed(where, 'a note is text, an empty line and signature lines')
  const lines = signatures.slice(0, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new Refusal('too-large', `${where}: ${lines.length} signatures`)
  return { text: note.slice(0, end + 1), lines }
}

function readLine(line, where) {
  const match = LINE.exec(line)
  if (!match) throw malformed(where, 'not a signature line')
  const blob = readBase64(match[2], where)
  if (blob.length < 5) throw malformed(where, 'a signature line without a signature')
  return { name: match[1], blob }
}

function readCheckpoint(text, where, origin) {
  const lines = text.slice(0, -1).split('\n')
  if (lines.length !== 3) throw malformed(where, 'a checkpoint has three lines')
  const [name, size, root] = lines
  if (name !== origin)
    throw new Refusal('bad-proof', `${where}: a checkpoint of ${quoted(name)}, expected one of ${quoted(origin)}`)
  const decoded = readBase64(root, where)
  if (!NUMBER.test(size) || BigInt(size) > MAX_SIZE || decoded.length !== 32)
    throw malformed(where, 'not a size and a root')
  if (size === '0' && !sameBytes(decoded, sha256()))
    throw new Refusal('bad-proof', `${where}: a log without leaves has another root`)
  return { size: BigInt(size), root: decoded }
}

// The number that a proof file claims for its leaf; the proof is judged with it.
export function claimedIndex(proof, where) {
  const line = /^[^\n]*\n(?:index )?([0-9]{1,19})(?:\n|$)/.exec(proof)
  if (!line) throw malformed(where, 'a proof without an index')
  return BigInt(line[1])
}

// The index of `entry` in the log named `origin`, proven under a checkpoint that `key` signed, and that checkpoint.
export async function openProof(data, where, { entry, origin, key }) {
  if (data.length > MAX_NOTE) throw new Refusal('too-large', `${where}: a proof has at most ${MAX_NOTE} bytes`)
  const text = fromUtf8(data)
  const end = text === null ? -1 : text.indexOf('\n\n')
  const head = end < 0 ? '' : text.slice(0, end)
  const [first, second = '', ...rest] = head.split('\n')
  const index = /^index (0|[1-9][0-9]{0,18})$/.exec(second)
  if (/[^\x00-\x7f]/.test(head) || first !== PROOF || !index || rest.length > MAX_PATH)
    throw malformed(where, 'not a proof file')
  const path = rest.map((line) => readBase64(line, where))
  if (path.some((item, i) => writeBase64(item) !== rest[i] || item.length !== 32) || BigInt(index[1]) > MAX_SIZE) {
    throw malformed(where, 'hashes or an index in another form')
  }
  const checkpoint = await openCheckpoint(utf8(text.slice(end + 2)), where, origin, key)
  refuseWrongInclusion(leafHash(...entry), BigInt(index[1]), checkpoint.size, path, checkpoint.root, where)
  return { index: BigInt(index[1]), checkpoint }
}
