// One version of a trust store: its root keys, the threshold of signatures, and its entries (signing/roots.py,
// signing/trust_entries.py).

import { certificateFault } from './certificate.mjs'
import { hex } from './encoding.mjs'
import { readFields } from './fields.mjs'
import { MAX_PEM, readKey, readPem, verifySignature } from './keys.mjs'
import { Refusal, malformed, quoted } from './refusal.mjs'
import { sha256 } from './sha256.mjs'
import { signedMessage } from './envelope.mjs'

export const MAX_ROOT = 4 * 1024 * 1024 // bytes of one version
export const MAX_ROOT_KEYS = 32
const ROOT_TYPE = 'application/vnd.fusiondiff-audit.trust-root.v1+json'
const MAX_ENTRIES = 10_000
const MAX_VERSION = 2 ** 31
const MAX_LABEL = 200
const CHECKABLE = ['ed25519', 'p256']
const ROLES = {
  device: [...CHECKABLE, 'ml-dsa-65'],
  labeller: [...CHECKABLE, 'ml-dsa-65'],
  model: ['p256', 'p384', 'p521'],
  auditor: [...CHECKABLE, 'ml-dsa-65'],
  timestamp: [], // an authority has a certificate
}

export async function readRoot(envelope, where) {
  if (envelope.payloadType !== ROOT_TYPE)
    throw new Refusal('unsupported', `${where}: payload type ${quoted(envelope.payloadType)}`)
  const fields = readFields(envelope.payload, where, { limit: MAX_ROOT, tokens: MAX_ENTRIES * 16 })
  fields.closed(['version', 'previous', 'issued', 'expires', 'threshold', 'rootKeys', 'keys'])
  const keys = []
  for (const item of fields.list('rootKeys', 1, MAX_ROOT_KEYS)) keys.push(await readRootKey(item))
  const entries = []
  for (const item of fields.list('keys', 0, MAX_ENTRIES)) entries.push(await readEntry(item))
  const ids = [...keys, ...entries].map(({ keyid }) => keyid)
  if (new Set(ids).size !== ids.length) throw malformed(where, 'a key is listed twice')
  const issued = fields.time('issued')
  const expires = fields.time('expires')
  if (issued >= expires) throw malformed(where, 'expires before it is issued')
  return {
    version: fields.integer('version', 1, MAX_VERSION),
    previous: fields.isNull('previous') ? null : fields.sha256('previous'),
    expires,
    threshold: fields.integer('threshold', 1, keys.length),
    keys,
    entries,
    fingerprint: hex(sha256(envelope.payload)),
  }
}

async function readRootKey(fields) {
  fields.closed(['keyid', 'public'])
  const key = await readKey(fields.raw('public', MAX_PEM), fields.where)
  refuseKind(key, CHECKABLE, fields.where)
  if (key.keyid !== fields.sha256('keyid')) throw malformed(fields.where, 'the key id is not that of the key')
  return key
}

async function readEntry(fields) {
  fields.closed(['keyid', 'role', 'principal', 'material', 'from', 'until', 'revoked'])
  const role = fields.member('role', Object.keys(ROLES))
  const material = fields.raw('material', MAX_PEM)
  const key = role === 'timestamp' ? readAuthority(material, fields.where) : await readKey(material, fields.where)
  if (role !== 'timestamp') refuseKind(key, ROLES[role], fields.where)
  if (key.keyid !== fields.sha256('keyid')) throw malformed(fields.where, 'the key id is not that of the key')
  const [start, until] = [fields.time('from'), fields.time('until')]
  if (start >= until) throw malformed(fields.where, "the key's window is empty")
  const principal = fields.text('principal', MAX_LABEL)
  const revoked = fields.isNull('revoked') ? null : readRevoked(fields.fields('revoked'))
  return { keyid: key.keyid, role, principal, material, key, start, until, revoked }
}

// A timestamp authority, which vouches for nothing here: timestamps are not checked.
function readAuthority(pem, where) {
  const der = readPem(pem, 'CERTIFICATE')
  if (der === null) throw malformed(where, 'not a certificate in the form that we write')
  const fault = certificateFault(der)
  if (fault !== null) throw new Refusal(fault, `${where}: not the certificate of an authority (CA)`)
  return { keyid: hex(sha256(der)) }
}

function refuseKind(key, allowed, where) {
  if (!allowed.includes(key.algorithm)) throw new Refusal('unsupported', `${where}: a key of kind ${key.algorithm}`)
}

function readRevoked(fields) {
  fields.closed(['at', 'reason'])
  const at = fields.time('at')
  return { at, compromised: fields.member('reason', ['retired', 'compromised']) === 'compromised' }
}

// Refuse a signature that is bad or of a key that is a root key of neither version, and too few of either.
export async function refuseShortfall(root, envelope, previous, where) {
  const keys = new Map(
    [root, ...(previous ? [previous] : [])].flatMap((each) => each.keys.map((key) => [key.keyid, key])),
  )
  const signed = signedMessage(envelope)
  for (const { keyid, value } of envelope.signatures) {
    if (!keys.has(keyid)) throw new Refusal('unknown-key', `${where}: signed by sha256:${keyid}, which is no root key`)
    await verifySignature(keys.get(keyid), value, signed, where)
  }
  const signers = new Set(envelope.signatures.map(({ keyid }) => keyid))
  for (const [each, whose] of [
    [previous, 'the previous root keys'],
    [root, 'its own root keys'],
  ]) {
    const count = each ? each.keys.filter(({ keyid }) => signers.has(keyid)).length : 0
    if (each && count < each.threshold) {
      throw new Refusal('no-signature', `${where}: ${count} of ${each.threshold} signatures needed of ${whose}`)
    }
  }
}

// Refuse a version that does not continue those before it: the number, the digest, and no entry removed or weakened.
export function refuseBreak(root, history, where) {
  const last = history.at(-1) ?? null
  if (root.version !== history.length + 1 || root.previous !== (last ? last.fingerprint : null)) {
    throw new Refusal(
      'rollback',
      `${where}: expected version ${history.length + 1} with the digest of the previous version`,
    )
  }
  const entries = new Map(root.entries.map((entry) => [entry.keyid, entry]))
  for (const old of last ? last.entries : []) {
    const entry = entries.get(old.keyid)
    const same = entry && ['role', 'principal', 'material', 'start', 'until'].every((name) => entry[name] === old[name])
    if (!same) throw malformed(where, `the entry of ${quoted(old.principal)} was removed or changed`)
    const covers =
      entry.revoked &&
      old.revoked &&
      entry.revoked.at <= old.revoked.at &&
      entry.revoked.compromised >= old.revoked.compromised
    if (old.revoked && !covers)
      throw malformed(where, `the revocation of ${quoted(old.principal)} was removed or limited`)
  }
  if (history.some((each) => each.keys.some(({ keyid }) => entries.has(keyid)))) {
    throw malformed(where, 'a present or former root key is listed as an entry')
  }
}
