// A report: a header and rows under one hash tree (reports/verdict/report.py). Nothing in its payload is ignored: what is
// not in the one form is refused, and every leaf is hashed from the bytes that were signed.

import { compareText, fromUtf8, readBase64, sameBytes, utf8, writeBase64 } from './encoding.mjs'
import { CanonicalReader, jsonText, writeJson } from './canonical.mjs'
import { NEWEST, readHeader, statedVersion } from './header.mjs'
import { isObject } from './json.mjs'
import { leafHash, rootOf } from './merkle.mjs'
import { Refusal, malformed, quoted } from './refusal.mjs'
import { text } from './records.mjs'
import { imageRow, specimenRow } from './rows.mjs'
import { hmacSha256 } from './sha256.mjs'
import { refuseUnsafe } from './text.mjs'

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const PREDICATE_TYPE = 'https://fusiondiff-audit/authenticity-report/'
export const BATCH = 'batch manifest' // the subject that stands for the batch
const MAX_ROWS = 1_000_000
const AT_ONCE = 2000 // rows, between two breaths of the page

export function originOf({ id }) {
  return `fusiondiff-audit/report/${id}`
}

export function leafBytes(number, salt, kind, content) {
  return [utf8(`{"index":${number},"kind":"${kind}","said":`), content, utf8(`,"salt":"${salt}"}`)]
}

// The report in a payload. Rows of older versions are as they were signed, and `isFormer` says that none was checked.
export async function readReport(payload, where, breathe = async () => {}) {
  const source = fromUtf8(payload)
  if (source === null || source.length !== payload.length)
    throw malformed(where, 'is not ASCII, as every signed text of ours is')
  const reader = new CanonicalReader(source, where)
  reader.expect(`{"_type":${jsonText(STATEMENT_TYPE)},"predicate":{"header":`)
  const [start, leaf, end] = [reader.at, reader.value(), reader.at]
  const version = statedVersion(leaf, where)
  const isFormer = version !== NEWEST
  const header = isFormer ? formerHeader(leaf, where) : readHeader(leaf, where)
  const spans = { header: [[start, end]] }
  const rows = {}
  reader.expect(',"images":')
  rows.images = await readRows(
    reader,
    isFormer ? formerRow : imageRow,
    `${where}: images`,
    breathe,
    (spans.images = []),
  )
  reader.expect(',"saltKey":')
  const saltKey = readBase64(text(reader.value(), `${where}: saltKey`), where)
  reader.expect(',"specimens":')
  rows.specimens = await readRows(
    reader,
    isFormer ? formerRow : specimenRow,
    `${where}: specimens`,
    breathe,
    (spans.specimens = []),
  )
  refuseDisorder(rows, saltKey, where)
  const leaves = ['header', ...rows.specimens.map(() => 'specimen'), ...rows.images.map(() => 'image')]
  const root = await treeRoot(payload, leaves, [...spans.header, ...spans.specimens, ...spans.images], saltKey, breathe)
  const report = { version, isFormer, header, ...rows, root, size: leaves.length }
  if (!endsAsItMust(payload, reader.at, report)) {
    throw malformed(where, 'is not in the one form of a report: its tree or its subjects are not those of its rows')
  }
  return report
}

async function readRows(reader, read, where, breathe, spans) {
  const rows = []
  reader.expect('[')
  if (reader.skip(']')) return rows
  for (;;) {
    const start = reader.at
    rows.push(read(reader.value(), where))
    spans.push([start, reader.at])
    if (rows.length > MAX_ROWS) throw new Refusal('too-large', `${where}: more than ${MAX_ROWS}`)
    if (rows.length % AT_ONCE === 0) await breathe(`${rows.length} rows read`)
    if (reader.skip(']')) return rows
    reader.expect(',')
  }
}

// Of versions 1 and 2 only that is read which the tree needs and the page shows.
function formerHeader(leaf, where) {
  for (const value of [leaf.id, leaf.batch?.payload, leaf.auditor?.keyid]) text(value, where)
  return leaf
}

function formerRow(row, where) {
  if (!isObject(row)) throw malformed(where, 'expected an object')
  text(row.name ?? row.specimen, where)
  text(row.verdict, where)
  return row
}

function refuseDisorder({ images, specimens }, saltKey, where) {
  if (saltKey.length !== 32) throw malformed(where, 'a salt key has 32 bytes')
  for (const { name, judged } of images) {
    if (!judged) continue
    refuseUnsafe(name)
    if (name === BATCH) throw malformed(where, `an image that is called ${quoted(BATCH)}`)
  }
  for (const names of [specimens.map(({ specimen }) => specimen), images.map(({ name }) => name)]) {
    if (names.some((name, i) => i && compareText(names[i - 1], name) >= 0))
      throw malformed(where, 'its rows are not in the order of their names, each once')
  }
}

async function treeRoot(payload, kinds, spans, saltKey, breathe) {
  const hashes = []
  const saltOf = hmacSha256(saltKey)
  for (const [number, kind] of kinds.entries()) {
    const index = new Uint8Array(8)
    new DataView(index.buffer).setUint32(4, number)
    const salt = writeBase64(saltOf(index))
    hashes.push(leafHash(...leafBytes(number, salt, kind, payload.subarray(...spans[number]))))
    if (number % AT_ONCE === 0) await breathe(`${number} leaves hashed`)
  }
  return rootOf(hashes)
}

// Whether the payload goes on with the tree, the predicate type and the subjects that its rows give, and then ends.
function endsAsItMust(payload, at, { version, header, images, root, size }) {
  const tree = writeJson({ origin: originOf(header), root: writeBase64(root), size })
  const type = jsonText(PREDICATE_TYPE + version.split('/').at(-1))
  const subjects = [
    [BATCH, header.batch.payload],
    ...images.filter(({ judged, sha256 }) => judged && sha256).map(({ name, sha256 }) => [name, sha256]),
  ]
  const listed = subjects.map(([name, digest]) => writeJson({ name, digest: { sha256: digest } })).join(',')
  const end = utf8(`,"tree":${tree}},"predicateType":${type},"subject":[${listed}]}`)
  return sameBytes(payload.subarray(at), end)
}
