// Compares the names, trust store and ledger of a header with the trust store at hand (reports/verdict/trust_check.py).

import { grouped, readBase64 } from './encoding.mjs'
import { openCheckpoint } from './notes.mjs'
import { Refusal, contradiction, quoted } from './refusal.mjs'
import { writeTime } from './times.mjs'

const LEDGER_ORIGIN = 'fusiondiff-audit/ledger/'
const NUMBER = /^(0|[1-9][0-9]{0,18})$/
export const ALLEGED = 'as the auditor says'

// What the store confirms of a header, as pairs of a title and a sentence; what it contradicts is refused.
export async function compareTrust(header, trust, where) {
  refuseOtherName(header.auditor, 'auditor', header, trust, where)
  const isListed = refuseOtherName(header.batch.signer, 'signer of the batch', header, trust, where)
  const confirmed = [['names', `the auditor${isListed ? ' and the batch signer are' : ' is'} named as listed`]]
  const unconfirmed = isListed ? [] : [['signer of the batch', `${ALLEGED}: the trust store does not list the key`]]
  const store = quotedStore(header.trust, trust, where)
  if (store) confirmed.push(['trust store', store])
  else unconfirmed.push(['trust store of the audit', `${ALLEGED}: another one than this`])
  if (header.ledger !== null) {
    const { sentence, isSigned } = await ledgerOf(header.ledger, trust, where)
    ;(isSigned ? confirmed : unconfirmed).push(['ledger', sentence])
  }
  return { confirmed, unconfirmed }
}

function refuseOtherName({ keyid, principal }, role, header, trust, where) {
  const roots = [trust.root]
  const { fingerprint, version } = header.trust
  if (fingerprint === trust.fingerprint && version >= 1 && version <= trust.roots.length)
    roots.push(trust.roots[version - 1])
  const names = roots.flatMap(({ entries }) =>
    entries.filter((entry) => entry.keyid === keyid).map((entry) => entry.principal),
  )
  if (names.length && !names.includes(principal)) {
    throw contradiction(
      where,
      `names its ${role} ${quoted(principal)}; the trust store lists that key as ${names.map(quoted).join(' or ')}`,
    )
  }
  return names.length > 0
}

// A sentence, or null for another store.
function quotedStore({ version, fingerprint, expires }, trust, where) {
  if (version < 1) throw contradiction(where, `quotes version ${version} of a trust store; the first is 1`)
  if (fingerprint !== trust.fingerprint) return null
  if (version > trust.root.version) {
    throw new Refusal(
      'rollback',
      `${where}: quotes version ${version} of the trust store, and this one is version ${trust.root.version}`,
    )
  }
  if (expires !== writeTime(trust.roots[version - 1].expires))
    throw contradiction(where, 'states another expiry of the trust store than it has')
  return `version ${version} of this one`
}

// Who signed the ledger's checkpoint that the report carries; text that is no checkpoint is refused.
async function ledgerOf(encoded, trust, where) {
  const place = `${where}: the ledger's checkpoint`
  const note = readBase64(encoded, place)
  const [origin, size = '', root = '', ...rest] = new TextDecoder('utf-8', { ignoreBOM: true })
    .decode(note)
    .split('\n\n')[0]
    .split('\n')
  if (!origin.startsWith(LEDGER_ORIGIN)) throw new Refusal('bad-proof', `${place}: is a checkpoint of something else`)
  if (rest.length || !NUMBER.test(size) || readBase64(root, place).length !== 32)
    throw new Refusal('bad-proof', `${place}: is no checkpoint`)
  for (const entry of trust.root.entries) {
    if (entry.role !== 'auditor' || entry.revoked?.compromised || entry.key.algorithm !== 'ed25519') continue
    try {
      await openCheckpoint(note, place, origin, entry.key)
      return {
        sentence: `a checkpoint over ${grouped(size)} entries, signed by ${quoted(entry.principal)}`,
        isSigned: true,
      }
    } catch (error) {
      if (error.reason !== 'no-signature') throw error
    }
  }
  return {
    sentence: `${ALLEGED}: a checkpoint over ${grouped(size)} entries, signed by nobody who is listed`,
    isSigned: false,
  }
}
