// An excerpt: the header, one image and its specimen, each proven to be a leaf of the signed tree
// (reports/verdict/excerpt.py).

import { utf8 } from './encoding.mjs'
import { writeJson } from './canonical.mjs'
import { readFields } from './fields.mjs'
import { NEWEST, readHeader, statedVersion } from './header.mjs'
import { refuseInconsistentHeader } from './header-check.mjs'
import { MAX_NOTE, claimedIndex, openProof } from './notes.mjs'
import { NeedsTool, Refusal, contradiction, malformed, quoted } from './refusal.mjs'
import { refuseInconsistentRow } from './report-check.mjs'
import { leafBytes, originOf } from './report.mjs'
import { imageRow, specimenRow } from './rows.mjs'
import { countFault, specimenFault } from './specimen-check.mjs'
import { compareTrust } from './trust-check.mjs'

export const EXCERPT_FORMAT = 'fusiondiff-audit/excerpt/v1'
export const MAX_EXCERPT = 4 * 1024 * 1024 // bytes
const MAX_TOKENS = 100_000

export async function verifyExcerpt(data, where, trust) {
  const fields = readFields(data, where, { limit: MAX_EXCERPT, tokens: MAX_TOKENS })
  fields.closed(['format', 'header', 'image'], ['specimen']).constant('format', EXCERPT_FORMAT)
  const kinds = ['header', 'image', ...(fields.has('specimen') ? ['specimen'] : [])]
  const parts = Object.fromEntries(kinds.map((kind) => [kind, fields.fields(kind).closed(['salt', 'said', 'proof'])]))
  const leaves = Object.fromEntries(kinds.map((kind) => [kind, parts[kind].fields('said').value]))
  if (statedVersion(leaves.header, where) !== NEWEST)
    throw new NeedsTool(`${where}: an excerpt of an older version, whose rules are not checked here`)
  const header = readHeader(leaves.header, `${where}: header`)
  const entry = trust.signer(header.auditor.keyid, 'auditor', where)
  trust.judge(entry, header.time, where)
  const comparison = await compareTrust(header, trust, where)
  const row = imageRow(leaves.image, `${where}: image`)
  const trees = new Set()
  for (const kind of kinds) {
    const { index, checkpoint } = await proven(parts[kind], leaves[kind], kind, header, entry.key, where)
    trees.add(`${checkpoint.size} ${checkpoint.root}`)
    if ((index === 0n) !== (kind === 'header')) throw malformed(where, 'the header is leaf 0, and an image is not')
  }
  if (trees.size > 1) throw new Refusal('bad-proof', `${where}: its parts are of two trees`)
  refuseInconsistentHeader(header, where)
  refuseInconsistentRow(row, header, where)
  const specimen = specimenOf(leaves.specimen, row, header, where)
  const fault = countFault(specimen, row, header)
  if (fault) throw contradiction(where, fault)
  return { header, images: [row], specimens: specimen ? [specimen] : [], entry, comparison }
}

async function proven(part, leaf, kind, header, key, where) {
  const proof = part.raw('proof', MAX_NOTE)
  const index = claimedIndex(proof, where)
  const salt = part.text('salt')
  const entry = leafBytes(index, salt, kind, utf8(writeJson(leaf)))
  return openProof(utf8(proof), `${where}: ${kind}`, { entry, origin: originOf(header), key })
}

// The row of the specimen that an image shows, or null where the image names none.
function specimenOf(leaf, row, header, where) {
  if (leaf === undefined && row.specimen === null) return null
  if (leaf === undefined || row.specimen === null)
    throw malformed(where, 'the specimen of an image is in it where the report names one, and nowhere else')
  const specimen = specimenRow(leaf, `${where}: specimen`)
  if (specimen.specimen !== row.specimen) throw malformed(where, `${quoted(row.name)} is an image of another specimen`)
  const fault = specimenFault(specimen, row, header)
  if (fault) throw contradiction(where, `${quoted(specimen.specimen)} ${fault}`)
  return specimen
}
