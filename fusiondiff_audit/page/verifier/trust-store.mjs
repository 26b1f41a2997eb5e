// The trust store: a chain of signed versions under TUF's root rules, of which the last lists the valid keys, and the
// judgement of a key at a time (signing/trust.py).

import { hex, utf8 } from './encoding.mjs'
import { readFields } from './fields.mjs'
import { Refusal, malformed, quoted } from './refusal.mjs'
import { MAX_ROOT, MAX_ROOT_KEYS, readRoot, refuseBreak, refuseShortfall } from './trust-roots.mjs'
import { readEnvelope } from './envelope.mjs'
import { sha256 } from './sha256.mjs'
import { CLOCK_SKEW, writeTime } from './times.mjs'

export const TRUST_TYPE = 'application/vnd.fusiondiff-audit.trust.v1+json'
export const MAX_TRUST = 16 * 1024 * 1024 // bytes
const MAX_VERSIONS = 1024
const MAX_TOKENS = 100_000

export class TrustStore {
  constructor(roots, at) {
    this.roots = roots
    this.at = at
  }

  get root() {
    return this.roots.at(-1)
  }

  get fingerprint() {
    return this.roots[0].fingerprint
  }

  signer(keyid, role, where) {
    const entry = this.root.entries.find((each) => each.keyid === keyid)
    if (!entry)
      throw new Refusal('unknown-key', `${where}: signed by key sha256:${keyid}, which the trust store does not list`)
    if (entry.role !== role) {
      throw new Refusal(
        'wrong-role',
        `${where}: signed by ${quoted(entry.principal)} with a key for the role ${entry.role}, needed: ${role}`,
      )
    }
    return entry
  }

  // Refuse a key that was not valid at the claimed time and at the time of judgement; without a timestamp both count.
  judge(entry, claimed, where) {
    const key = `${where}: key of ${quoted(entry.principal)}`
    const { revoked } = entry
    if (revoked?.compromised) throw new Refusal('revoked', `${key} was compromised at ${writeTime(revoked.at)}`)
    for (const time of [claimed, this.at]) {
      if (revoked && time >= revoked.at) throw new Refusal('revoked', `${key} was retired at ${writeTime(revoked.at)}`)
      if (time >= entry.until) throw new Refusal('expired', `${key} expired at ${writeTime(entry.until)}`)
      if (time < entry.start) throw new Refusal('not-yet-valid', `${key} is valid from ${writeTime(entry.start)}`)
    }
    if (claimed > this.at + CLOCK_SKEW) {
      throw new Refusal(
        'not-yet-valid',
        `${where}: claims to be signed at ${writeTime(claimed)}, after ${writeTime(this.at)}`,
      )
    }
  }
}

// Read and verify a store as of `at`; `pin` is the SHA-256 of a version, or null.
export async function loadTrust(data, where, { at, pin }) {
  const envelopes = readChain(data, where)
  const fingerprints = envelopes.map(({ payload }) => hex(sha256(payload)))
  if (pin !== null && !fingerprints.includes(pin)) {
    throw new Refusal('wrong-root', `${where}: pinned sha256:${pin}, found sha256:${fingerprints[0]}`)
  }
  const roots = []
  for (const [index, envelope] of envelopes.entries()) {
    const here = `${where}: version ${index + 1}`
    const root = await readRoot(envelope, here)
    refuseBreak(root, roots, here)
    await refuseShortfall(root, envelope, roots.at(-1) ?? null, here)
    roots.push(root)
  }
  if (at >= roots.at(-1).expires)
    throw new Refusal('expired', `${where}: the trust store expired at ${writeTime(roots.at(-1).expires)}`)
  return new TrustStore(roots, at)
}

function readChain(data, where) {
  if (hex(data.subarray(0, 10)) === hex(utf8('-----BEGIN'))) throw malformed(where, 'a key, not a trust store')
  const fields = readFields(data, where, { limit: MAX_TRUST, tokens: MAX_TOKENS }).closed(['mediaType', 'roots'])
  fields.constant('mediaType', TRUST_TYPE)
  const items = fields.list('roots', 1, MAX_VERSIONS)
  return items.map((item) => readEnvelope(item, { payloadLimit: MAX_ROOT, most: 2 * MAX_ROOT_KEYS }))
}
