// Reads one JSON object a line from standard input, verifies what it names with the modules of the page, and answers
// each with the answer as a line of JSON. `folder` is a report's folder, or `excerpt` a file; `trust` or `key`; `pin`;
// `at` in milliseconds; `images`, a list of files, or `batch`, a signed folder.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { MANIFEST, SECOND } from '../../fusiondiff_audit/page/verifier/manifest.mjs'
import { verify } from '../../fusiondiff_audit/page/verifier/verification.mjs'

const NAMES = { report: 'report.sigstore.json', checkpoint: 'report.checkpoint', summary: 'vsa.sigstore.json' }
const read = (path) => ({ name: basename(path), bytes: new Uint8Array(readFileSync(path)) })
// The most memory that this process had, in KiB; null where the system does not say.
function peakMemory() {
  const status = '/proc/self/status'
  return existsSync(status) ? Number(/VmHWM:\s+([0-9]+)/.exec(readFileSync(status, 'utf8'))[1]) : null
}

const digestOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')

function readBatch(folder) {
  const names = readdirSync(folder)
  const digests = new Map(names.filter((name) => name !== MANIFEST).map((name) => [name, digestOf(join(folder, name))]))
  return { ...read(join(folder, MANIFEST)), hasSecond: digests.has(SECOND), digests }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { folder, excerpt, trust, key, pin = null, at, images = [], batch } = JSON.parse(line)
  const files = {}
  if (excerpt) files.excerpt = read(excerpt)
  else
    for (const [role, name] of Object.entries(NAMES))
      if (existsSync(join(folder, name))) files[role] = read(join(folder, name))
  if (trust) files.trust = read(trust)
  if (key) files.key = read(key)
  const digests = images.map((path) => ({ name: path, digest: digestOf(path) }))
  try {
    const { outcome, reason, why, checks, unchecked, content } = await verify({
      files,
      images: digests,
      batch: batch ? readBatch(batch) : null,
      pin,
      at,
    })
    const rows = content?.images.map(({ name, verdict }) => [name, verdict]) ?? null
    console.log(JSON.stringify({ outcome, reason, why, checks, unchecked, rows, peak: peakMemory() }))
  } catch (error) {
    console.log(JSON.stringify({ outcome: 'FAULT', reason: null, why: error.stack }))
  }
}
