// Verifies a report, or an excerpt, in the order of `fusiondiff-audit verify`: the first check that fails ends it.
// PASSED and REFUSED are the tool's answers; INCONCLUSIVE means that the tool, or something else, is needed.

import { fromUtf8, grouped, sameBytes } from './encoding.mjs'
import { compareBatch } from './batch.mjs'
import { readBundle, signedMessage, verifyBundle, STATEMENT_PAYLOAD } from './envelope.mjs'
import { verifyExcerpt } from './excerpt.mjs'
import { compareImages } from './images.mjs'
import { readKey, verifySignature } from './keys.mjs'
import { MAX_NOTE, openCheckpoint } from './notes.mjs'
import { NeedsTool, Refusal, contradiction, malformed, quoted } from './refusal.mjs'
import { originOf, readReport } from './report.mjs'
import { refuseContradiction } from './report-check.mjs'
import { verificationSummary } from './summary.mjs'
import { compareTrust } from './trust-check.mjs'
import { loadTrust } from './trust-store.mjs'
import { writeTime } from './times.mjs'

export const MAX_FILE = 200_000_000 // bytes of a file that is parsed here
const MAX_PAYLOAD = 1024 ** 3

// `files` are `report` or `excerpt`, `trust` or `key`, and, if they are there, `checkpoint` and `summary`, each with
// `name` and `bytes`; `images` are a list of `name` and `digest`; `batch` is the signed folder of the images, as
// `compareBatch` has it, or null. `pin` is 64 hexadecimal digits, or null.
export async function verify({ files, images = [], batch = null, pin, at, breathe }) {
  const answer = {
    outcome: 'INCONCLUSIVE',
    reason: null,
    why: '',
    checks: [],
    unchecked: [],
    content: null,
    doubts: [],
  }
  try {
    await check(answer, { files, images, batch, pin, at, breathe })
    const [doubt] = answer.doubts
    answer.outcome = doubt ? 'INCONCLUSIVE' : 'PASSED'
    if (doubt) Object.assign(answer, doubt)
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof NeedsTool)) throw error
    answer.outcome = error instanceof Refusal ? 'REFUSED' : 'INCONCLUSIVE'
    answer.reason = error.reason
    answer.why = error.message
  }
  const isNobodys = answer.outcome === 'REFUSED' || pin === null // who signed is not known, so no row is shown
  return isNobodys ? { ...answer, content: null } : answer
}

async function check(answer, { files, images, batch, pin, at, breathe }) {
  const passed = (title, sentence) => answer.checks.push([title, sentence])
  for (const file of Object.values(files)) {
    if (file.bytes.length > MAX_FILE)
      throw new NeedsTool(`${file.name}: ${grouped(file.bytes.length)} bytes, more than this page reads`)
  }
  if (pin === null)
    doubt(answer, 'no-pin', 'No pin was typed: whoever made the files may have made the trust store as well.')
  if (files.key) return checkByKey(answer, files, pin, breathe)
  if (!files.trust) throw new NeedsTool('no trust store was given')
  const trust = await loadTrust(files.trust.bytes, files.trust.name, { at, pin })
  passed(
    'trust',
    `version ${trust.root.version}, root sha256:${trust.fingerprint}, expires ${writeTime(trust.root.expires)}`,
  )
  const content = files.excerpt
    ? await checkExcerpt(answer, files, trust)
    : await checkReport(answer, files, trust, breathe)
  if (batch && !files.report) throw new NeedsTool('a batch is compared with a report, not with an excerpt')
  if (batch) await compareBatch(answer, batch, content, trust, content.isProven)
  else if (images.length) compareImages(answer, images, content)
}

function doubt(answer, reason, why) {
  answer.doubts.push({ reason, why })
}

async function checkReport(answer, files, trust, breathe) {
  const { name, bytes } = files.report
  const passed = (title, sentence) => answer.checks.push([title, sentence])
  const bundle = readBundle(bytes, name, MAX_PAYLOAD)
  const entry = await verifyBundle(bundle, name, trust, 'auditor')
  passed('signature', `by key sha256:${entry.keyid}, listed as auditor ${quoted(entry.principal)}`)
  const report = await readReport(bundle.envelope.payload, name, breathe)
  const { header } = report
  if (bundle.tokens) {
    doubt(
      answer,
      'needs-tool',
      'The report carries timestamps (RFC 3161), which are not checked here, and the time of signing rests on them.',
    )
    answer.unchecked.push(
      `${bundle.tokens} timestamps on the signature, and whether the key was good at the time that they prove`,
    )
  } else if (!report.isFormer) {
    trust.judge(entry, header.time, name)
    passed('time', `the key was good at ${header.issued} (claimed, not proven)`)
  }
  if (report.isFormer) {
    answer.content = { ...report, entry }
    answer.unchecked.push('everything that follows from the rows: verdicts, p-values, counts and error rates')
    passed('tree', `header and ${grouped(report.size - 1)} rows are the leaves of the tree that was signed`)
    throw new NeedsTool(`${name}: a report of an older version, whose rules are not checked here`)
  }
  if (header.auditor.keyid !== entry.keyid)
    throw new Refusal('wrong-role', `${name}: names another auditor than the one who signed it`)
  const comparison = await compareTrust(header, trust, name)
  comparison.confirmed.forEach(([title, sentence]) => passed(title, sentence))
  answer.unchecked.push(...comparison.unconfirmed.map(([title, sentence]) => `${title}: ${sentence}`))
  passed('tree', `header and ${grouped(report.size - 1)} rows are the leaves of the tree that was signed`)
  refuseContradiction(report, name)
  passed('arithmetic', "every p-value, verdict, count and statement on the batch follows from the rows' own numbers")
  await checkCheckpoint(answer, files.checkpoint, report, trust)
  await checkSummary(answer, files.summary, report, trust)
  answer.content = { ...report, entry, comparison }
  return { ...report, isProven: bundle.tokens > 0 }
}

async function checkCheckpoint(answer, file, report, trust) {
  if (!file) return
  const { name, bytes } = file
  if (bytes.length > MAX_NOTE) throw new Refusal('too-large', `${name}: at most ${MAX_NOTE} bytes`)
  const { key } = trust.signer(report.header.auditor.keyid, 'auditor', name)
  const { size, root } = await openCheckpoint(bytes, name, originOf(report.header), key)
  if (size !== BigInt(report.size) || !sameBytes(root, report.root))
    throw new Refusal('bad-proof', `${name}: is of another tree than the report's`)
  answer.checks.push([name, `the head of the tree, ${grouped(size)} leaves, signed by the same auditor`])
}

async function checkSummary(answer, file, report, trust) {
  if (!file) return
  const { name, bytes } = file
  const bundle = readBundle(bytes, name, MAX_PAYLOAD)
  const entry = await verifyBundle(bundle, name, trust, 'auditor')
  const follows =
    sameBytes(bundle.envelope.payload, verificationSummary(report)) && entry.keyid === report.header.auditor.keyid
  if (!follows) throw contradiction(name, 'it does not follow from the report beside it')
  if (bundle.tokens) doubt(answer, 'needs-tool', `${name} carries timestamps, which are not checked here.`)
  answer.checks.push([name, 'the summary for policy engines says the same'])
}

async function checkExcerpt(answer, { excerpt }, trust) {
  const content = await verifyExcerpt(excerpt.bytes, excerpt.name, trust)
  const { header, entry, comparison } = content
  answer.checks.push([
    'signature',
    `of the tree's head, by key sha256:${entry.keyid}, listed as auditor ${quoted(entry.principal)}`,
  ])
  answer.checks.push(['time', `the key was good at ${header.issued} (claimed, not proven)`])
  answer.checks.push(...comparison.confirmed, ['tree', 'header and rows are leaves of the signed tree'])
  answer.checks.push(['arithmetic', 'the rows follow from their own numbers, as far as an excerpt shows them'])
  answer.unchecked.push(
    ...comparison.unconfirmed.map(([title, sentence]) => `${title}: ${sentence}`),
    'all other images of the report',
  )
  answer.content = { ...content, isExcerpt: true }
  return content
}

// With one public key in place of a trust store: who may sign what, since when and until when is not known.
async function checkByKey(answer, { key: file, report, excerpt }, pin, breathe) {
  if (excerpt) throw new NeedsTool('an excerpt is checked with a trust store, not with a key')
  const pem = fromUtf8(file.bytes)
  const key = await readKey(pem ?? '', file.name)
  if (pin !== null && pin !== key.keyid)
    throw new Refusal('wrong-root', `${file.name}: pinned sha256:${pin}, found sha256:${key.keyid}`)
  const bundle = readBundle(report.bytes, report.name, MAX_PAYLOAD)
  const { payloadType, signatures } = bundle.envelope
  if (signatures[0].keyid !== key.keyid)
    throw new Refusal('unknown-key', `${report.name}: signed by key sha256:${signatures[0].keyid}, not by this one`)
  await verifySignature(key, signatures[0].value, signedMessage(bundle.envelope), report.name)
  if (payloadType !== STATEMENT_PAYLOAD) throw malformed(report.name, 'another payload type')
  answer.checks.push(['signature', `by key sha256:${key.keyid}`])
  const content = await readReport(bundle.envelope.payload, report.name, breathe)
  if (!content.isFormer) {
    refuseContradiction(content, report.name)
    answer.checks.push([
      'arithmetic',
      "every p-value, verdict, count and statement on the batch follows from the rows' own numbers",
    ])
  }
  answer.content = content
  doubt(
    answer,
    'no-trust-store',
    'One key was given and no trust store: whether its holder may sign reports, and whether it was revoked, is not known.',
  )
}
