// Whether every verdict, count and statement of a report follows from its own numbers (reports/verdict/consistency.py).

import { batchStatement } from './batch-statement.mjs'
import { compareText } from './encoding.mjs'
import { evidenceFault } from './evidence.mjs'
import { rulesOf } from './header.mjs'
import { refuseInconsistentHeader } from './header-check.mjs'
import { contradiction, quoted } from './refusal.mjs'
import { same } from './records.mjs'
import { VERDICTS, leastTolerance } from './rows.mjs'
import { bySpecimen, imageVerdict, specimenVerdict, statedEvidence } from './specimens.mjs'

export function refuseContradiction(report, where) {
  const { header, images } = report
  refuseInconsistentHeader(header, where)
  for (const row of images) refuseFault(rowFault(row, header), where)
  refuseFault(reportFault(report), where)
  if (!same(countVerdicts(images), header.images))
    throw contradiction(where, 'its images are counted otherwise than they are')
}

// A row that is shown alone, in an excerpt.
export function refuseInconsistentRow(row, header, where) {
  let fault = rowFault(row, header)
  if (!fault && row.specimen === null) {
    fault = evidenceFault(row.evidence, [row], header)
    if (!fault && !follows(row, specimenVerdict([row], row.evidence, rulesOf(header))))
      fault = 'has a verdict that does not follow from its numbers'
    fault &&= `${quoted(row.name)} ${fault}`
  }
  refuseFault(fault, where)
}

function refuseFault(fault, where) {
  if (fault) throw contradiction(where, fault)
}

function rowFault({ name, verdict, reasons, judged }, { model, policy }) {
  if (verdict === 'REFUSED' && (judged || !reasons.length))
    return `${quoted(name)} was refused, and has findings or no reason`
  if (!judged) return null
  if (BigInt(judged.votes_authentic) + BigInt(judged.votes_counterfeit) !== BigInt(model.partitions)) {
    return `${quoted(name)} has other votes than those of ${model.partitions} forests`
  }
  const isStated = judged.tolerance !== null
  return isStated === (policy.tolerance !== null)
    ? null
    : `${quoted(name)} has a tolerance that was not asked for, or lacks one that was`
}

function reportFault(report) {
  const { header, specimens, images } = report
  const groups = bySpecimen(images)
  for (const { name, images: own } of groups.values()) {
    const unmarked = own.find(({ enrolled, verdict }) => enrolled === null && verdict !== 'REFUSED')
    if (name !== null && unmarked && own.some(({ enrolled }) => enrolled !== null)) {
      return `${quoted(unmarked.name)} is of a specimen that was enrolled, and has no mark`
    }
  }
  const evidence = statedEvidence(report)
  for (const [key, { name, images: own }] of groups) {
    const fault = evidenceFault(evidence.get(key) ?? null, own, header)
    if (fault) return `${quoted(name ?? own[0].name)} ${fault}`
  }
  const { decided, verdicts, fault } = decideAgain(report, groups, evidence)
  if (fault) return fault
  if (!same(decided, specimens)) return 'a row of a specimen does not follow from its evidence and its images'
  if (!same(countVerdicts(verdicts), header.specimens)) return 'its specimens are counted otherwise than they are'
  const ranks = [...evidence.values()].map(({ authentic }) => authentic).filter((rank) => rank !== null)
  const statement = ranks.length ? batchStatement(ranks, header.alpha) : null
  return same(statement, header.statement)
    ? null
    : 'what it states of the whole batch does not follow from its specimens'
}

// The rows of specimens as they follow, the verdict of each specimen, and the first image whose verdict does not follow.
function decideAgain({ header }, groups, evidence) {
  const rules = rulesOf(header)
  const [decided, verdicts] = [[], []]
  let fault = null
  for (const [key, { name, images }] of groups) {
    const own = evidence.get(key) ?? null
    const { verdict, reasons } = specimenVerdict(images, own, rules)
    if (name !== null) {
      decided.push({
        specimen: name,
        images: images.length,
        verdict,
        reasons,
        evidence: own,
        tolerance: leastTolerance(images),
      })
    }
    const wrong = images.find((image) => !follows(image, { verdict, reasons }))
    if (wrong)
      fault ??= `${quoted(wrong.name)} is ${wrong.verdict}, which does not follow from its numbers or its specimen`
    verdicts.push({ verdict: name === null ? images[0].verdict : verdict })
  }
  decided.sort((one, other) => compareText(one.specimen, other.specimen))
  return { decided, verdicts, fault }
}

function follows(image, decided) {
  return (
    image.verdict === 'REFUSED' ||
    same({ verdict: image.verdict, reasons: image.reasons }, imageVerdict(image, decided))
  )
}

function countVerdicts(rows) {
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict.toLowerCase(), 0]))
  for (const { verdict } of rows) counts[verdict.toLowerCase()]++
  return counts
}
