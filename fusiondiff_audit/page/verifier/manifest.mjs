// The manifest of a batch (signing/manifest.py, signing/statement.py).

import { readFields } from './fields.mjs'
import { NeedsTool, Refusal, malformed, quoted } from './refusal.mjs'
import { isName, lengthOf, refuseUnsafe } from './text.mjs'

export const MANIFEST = 'batch.sigstore.json'
export const SECOND = 'batch.ml-dsa-65.sigstore.json'
export const MAX_MANIFEST = 64 * 1024 * 1024 // bytes of payload
const PREDICATE_TYPE = 'https://fusiondiff-audit/capture-batch/v1'
const MAX_FILES = 100_000
const MAX_TOKENS = 1000 + 32 * MAX_FILES
const MAX_SIGNED_FILE = 256 * 1024 * 1024
const MAX_SEQUENCE = 2n ** 63n - 1n
const MAX_LABEL = 200
const KINDS = ['image', 'sidecar', 'labels', 'other']
const UNITS = ['pm', 'nm', 'um', 'mm']
const DECIMAL = /^(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,9})?$/

export function readManifest(payload, where) {
  const statement = readFields(payload, where, { limit: MAX_MANIFEST, tokens: MAX_TOKENS })
  statement.closed(['_type', 'subject', 'predicateType', 'predicate'])
  statement.constant('_type', 'https://in-toto.io/Statement/v1')
  statement.constant('predicateType', PREDICATE_TYPE)
  const subjects = statement.list('subject', 1, MAX_FILES).map((entry) => {
    const name = entry.closed(['name', 'digest']).text('name')
    return { name, sha256: entry.fields('digest').closed(['sha256']).sha256('sha256') }
  })
  if (new Set(subjects.map(({ name }) => name)).size !== subjects.length)
    throw malformed(where, 'two subjects have one name')
  const fields = statement.fields('predicate')
  fields.closed(['device', 'lab', 'captured', 'issued', 'expires', 'sequence', 'nonce', 'files'])
  const items = fields.list('files', 1, MAX_FILES)
  if (items.length !== subjects.length) throw malformed(where, 'subjects and files differ')
  const nonce = fields.text('nonce', 32)
  if (!/^[0-9a-f]{32}$/.test(nonce)) throw malformed(where, 'the nonce is not 32 hexadecimal digits')
  const manifest = {
    device: fields.text('device', MAX_LABEL),
    lab: optionalText(fields, 'lab'),
    captured: fields.time('captured'),
    issued: fields.time('issued'),
    expires: fields.time('expires'),
    sequence: sequenceOf(fields),
    nonce,
    files: items.map((item, i) => readFile(subjects[i], item)),
  }
  refuseBroken(manifest, where)
  return manifest
}

function optionalText(fields, name) {
  return fields.isNull(name) ? null : fields.text(name, MAX_LABEL)
}

function sequenceOf(fields) {
  const value = fields.get('sequence')
  const isWhole = typeof value === 'number' || typeof value === 'bigint'
  if (!isWhole || value < 0 || BigInt(value) > MAX_SEQUENCE)
    throw malformed(fields.at('sequence'), 'expected a whole number')
  return String(value)
}

function readFile({ name, sha256 }, fields) {
  fields.closed(['name', 'size', 'kind', 'specimen', 'pixelSize'])
  if (fields.text('name') !== name) throw malformed(fields.where, 'subjects and files differ')
  fields.integer('size', 0, MAX_SIGNED_FILE)
  const kind = fields.member('kind', KINDS)
  const specimen = optionalText(fields, 'specimen')
  if (!fields.isNull('pixelSize')) {
    const pixel = fields.fields('pixelSize').closed(['value', 'unit'])
    const value = pixel.text('value')
    if (!DECIMAL.test(value) || !/[1-9]/.test(value)) throw malformed(pixel.where, 'not a pixel size')
    pixel.member('unit', UNITS)
  }
  return { name, sha256, kind, specimen }
}

// Refuse what breaks a rule of the format (Manifest.__post_init__).
function refuseBroken({ device, lab, issued, expires, files }, where) {
  files.forEach(({ name }) => refuseUnsafe(name))
  refuseCollisions([MANIFEST, SECOND, ...files.map(({ name }) => name)])
  for (const label of [device, lab, ...files.map(({ specimen }) => specimen)]) {
    if (label !== null && (lengthOf(label) > MAX_LABEL || !isName(label)))
      throw malformed(where, `${quoted(label)} is not a plain name`)
  }
  if (issued >= expires) throw malformed(where, 'a batch expires after it is issued')
}

// Refuse two names that are one on some system, and a file that is also a folder.
function refuseCollisions(names) {
  const files = new Set()
  const folders = new Set()
  for (const name of names) {
    if (/[^\x20-\x7e]/.test(name)) throw new NeedsTool(`${quoted(name)}: whether some system takes it for another name`)
    const folded = name.toLowerCase()
    if (files.has(folded))
      throw new Refusal('unsafe-name', `${quoted(name)} is another file's name on systems that fold case`)
    files.add(folded)
    for (let end = folded.indexOf('/'); end >= 0; end = folded.indexOf('/', end + 1)) folders.add(folded.slice(0, end))
  }
  for (const folder of folders)
    if (files.has(folder)) throw new Refusal('unsafe-name', `${quoted(folder)} is a file and a folder`)
}
