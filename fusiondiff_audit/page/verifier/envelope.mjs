// DSSE envelopes and Sigstore bundles v0.3 with a public-key hint (signing/dsse.py, signing/sigstore_bundle.py).

import { readFields } from './fields.mjs'
import { Refusal, malformed, quoted } from './refusal.mjs'
import { utf8 } from './encoding.mjs'
import { verifySignature } from './keys.mjs'

export const STATEMENT_PAYLOAD = 'application/vnd.in-toto+json'
export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const MAX_SIGNATURE = 8 * 1024 // base64 characters
const MAX_TOKENS = 4 // timestamps on one signature
const MAX_TOKEN = 64 * 1024 // bytes of one

// A payload with at most `most` signatures over it, each of another key; none is verified.
export function readEnvelope(fields, { payloadLimit, most = 1 }) {
  fields.closed(['payload', 'payloadType', 'signatures'])
  const signatures = fields.list('signatures', 1, most).map((item) => {
    item.closed(['sig', 'keyid'])
    return { keyid: item.sha256('keyid'), value: item.base64('sig', MAX_SIGNATURE) }
  })
  if (new Set(signatures.map(({ keyid }) => keyid)).size !== signatures.length)
    throw malformed(fields.where, 'one key signs twice')
  const payload = fields.base64('payload', base64Limit(payloadLimit))
  return { payloadType: fields.text('payloadType'), payload, signatures }
}

// What each signature covers: the payload's type and bytes (DSSE v1.0.2, "Signature Definition").
export function signedMessage({ payloadType, payload }) {
  const type = utf8(payloadType)
  const head = utf8(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `)
  const message = new Uint8Array(head.length + payload.length)
  message.set(head)
  message.set(payload, head.length)
  return message
}

export function readBundle(data, where, payloadLimit) {
  const limit = base64Limit(payloadLimit) - 4 + MAX_TOKENS * MAX_TOKEN * 2 + 64 * 1024
  const fields = readFields(data, where, { limit })
  fields.closed(['mediaType', 'verificationMaterial', 'dsseEnvelope'])
  fields.constant('mediaType', BUNDLE_TYPE)
  const material = fields.fields('verificationMaterial')
  const dsse = fields.fields('dsseEnvelope')
  const { hint, tokens } = readMaterial(material)
  const envelope = readEnvelope(dsse, { payloadLimit })
  if (envelope.signatures[0].keyid !== hint)
    throw malformed(where, "the envelope names another key than the bundle's hint")
  return { envelope, tokens }
}

function readMaterial(fields) {
  for (const name of ['certificate', 'x509CertificateChain']) {
    if (fields.has(name))
      throw new Refusal('unsupported', `${fields.where}: signed with a certificate; plain keys are read`)
  }
  fields.closed(['publicKey', 'tlogEntries'], ['timestampVerificationData'])
  fields.list('tlogEntries', 0, 0)
  const hint = fields.fields('publicKey').closed(['hint']).sha256('hint')
  if (!fields.has('timestampVerificationData')) return { hint, tokens: 0 }
  const stamps = fields
    .fields('timestampVerificationData')
    .closed(['rfc3161Timestamps'])
    .list('rfc3161Timestamps', 1, MAX_TOKENS)
  stamps.forEach((item) => item.closed(['signedTimestamp']).base64('signedTimestamp', base64Limit(MAX_TOKEN)))
  return { hint, tokens: stamps.length }
}

function base64Limit(bytes) {
  return Math.floor(bytes / 3) * 4 + 4
}

// The trust store's entry of the key that signed a bundle, in this role; the payload may then be parsed.
export async function verifyBundle(bundle, where, trust, role) {
  const { envelope } = bundle
  const [signature] = envelope.signatures
  const entry = trust.signer(signature.keyid, role, where)
  if (entry.key.algorithm === 'ml-dsa-65')
    throw new Refusal('unsupported', `${where}: signed with a key of kind ml-dsa-65`)
  await verifySignature(entry.key, signature.value, signedMessage(envelope), where)
  if (envelope.payloadType !== STATEMENT_PAYLOAD)
    throw new Refusal('unsupported', `${where}: payload type ${quoted(envelope.payloadType)}`)
  return entry
}
