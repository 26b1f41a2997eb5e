// Compares a report with the signed folder that was audited: its manifest, its signer, and every judged image, as
// `verify --images` does (reports/verdict/batch_check.py).

import { grouped, hex } from './encoding.mjs'
import { readBundle, verifyBundle } from './envelope.mjs'
import { MAX_MANIFEST, readManifest } from './manifest.mjs'
import { Refusal, contradiction, quoted } from './refusal.mjs'
import { same } from './records.mjs'
import { sha256 } from './sha256.mjs'
import { writeTime } from './times.mjs'

// `batch` has the manifest's name and bytes, whether a second signature lies beside it, and the digests of the other
// files by their names. `isProven`: timestamps decide when the report was signed.
export async function compareBatch(answer, batch, report, trust, isProven) {
  const { name } = batch
  const { header, images: rows } = report
  const bundle = readBundle(batch.bytes, name, MAX_MANIFEST)
  const digest = hex(sha256(bundle.envelope.payload))
  if (digest !== header.batch.payload) {
    throw new Refusal(
      'digest-mismatch',
      `${name}: its payload is sha256:${digest}, the report is of sha256:${header.batch.payload}`,
    )
  }
  const manifest = readManifest(bundle.envelope.payload, name)
  if (header.batch.second && !batch.hasSecond)
    throw contradiction(name, 'the report states a second signature of the batch, and it has none')
  const signer = await signerOf(answer, bundle, manifest, header, trust, name, isProven)
  const signed = new Map(manifest.files.map((file) => [file.name, file]))
  refuseOtherRows(manifest, signed, header, rows, name)
  const judged = rows.filter((row) => row.judged)
  for (const row of judged) {
    const own = batch.digests.get(row.name)
    if (own === undefined) throw new Refusal('missing-file', `${quoted(row.name)}: not there`)
    if (own !== row.sha256)
      throw new Refusal(
        'digest-mismatch',
        `${quoted(row.name)}: is sha256:${own}, the report is of sha256:${row.sha256}`,
      )
  }
  answer.checks.push([
    'images',
    `the manifest and ${grouped(judged.length)} images are those that were judged; ${signer}`,
  ])
  if (header.batch.second) answer.unchecked.push('the second signature of the batch')
}

// Refuse a header that differs from the manifest; say who signed that, as far as it is known.
async function signerOf(answer, bundle, manifest, header, trust, where, isProven) {
  const { device, lab, captured, sequence, nonce, files } = header.batch
  const facts = [
    manifest.device,
    manifest.lab,
    writeTime(manifest.captured),
    manifest.sequence,
    manifest.nonce,
    manifest.files.length,
  ]
  if (!same(facts, [device, lab, captured, sequence, nonce, files]))
    throw contradiction(where, 'the report states of the batch what its manifest does not')
  if (bundle.envelope.signatures[0].keyid !== header.batch.signer.keyid) {
    throw contradiction(where, 'the report names another signer of the batch than its manifest does')
  }
  let entry
  try {
    entry = await verifyBundle(bundle, where, trust, 'device')
  } catch (error) {
    if (error.reason !== 'unknown-key') throw error
    return 'their signer is not in this trust store, and named by the auditor alone'
  }
  if (bundle.tokens)
    answer.doubts.push({ reason: 'needs-tool', why: `${where} carries timestamps, which are not checked here.` })
  else if (!isProven) trust.judge(entry, manifest.issued, where)
  return `signed by ${quoted(entry.principal)}, listed as ${entry.role}`
}

function refuseOtherRows(manifest, signed, header, rows, where) {
  const asked = manifest.files.filter(({ kind }) => kind === 'image').slice(0, header.run.limit ?? undefined)
  const images = new Set(asked.map(({ name }) => name))
  const named = new Set(rows.map(({ name }) => name))
  const missing = asked.find(({ name }) => !named.has(name))
  if (missing) throw contradiction(where, `the report has no row of ${quoted(missing.name)}, an image of the batch`)
  for (const row of rows) {
    if (row.judged && !images.has(row.name))
      throw contradiction(where, `the report judges ${quoted(row.name)}, which is none of the images asked for`)
    const file = signed.get(row.name)
    if (row.sha256 !== null && (!file || row.sha256 !== file.sha256 || row.specimen !== file.specimen)) {
      throw contradiction(where, `the report states of ${quoted(row.name)} what the manifest does not`)
    }
  }
}
