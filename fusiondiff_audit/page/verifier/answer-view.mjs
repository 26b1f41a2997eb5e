// Shows an answer: the outcome in words, what was checked, what was not, and the report from its signed rows.

import { element, factList, listOf, section, within } from './elements.mjs'
import { rulesOf } from './header.mjs'
import { rowTable } from './row-table.mjs'
import { countsText, headerFacts, meaningsOf, pText, pValue, ratioTexts } from './wording.mjs'

const SIGNS = { PASSED: '\u25cf', REFUSED: '\u2715', INCONCLUSIVE: '\u25cb' }
const MEANINGS = {
  REFUSED: 'Do not rely on it: a file is not what was signed, or nobody whom you trust signed it.',
  INCONCLUSIVE: 'This page cannot tell. It shows neither that the report is good nor that it is bad.',
}
// What `fusiondiff-audit verify` or its user can check, and this page cannot.
const NOT_HERE = [
  'timestamps (RFC 3161), second signatures (ML-DSA), reports of versions 1 and 2',
  'the model: `fusiondiff-audit verify --model` compares the bundle with the report',
  'whether a newer trust store revokes a key: ask the holders of the root keys',
  'whether the clock of this computer is right',
]

export function showAnswer(place, answer, others) {
  const { outcome, reason, why, checks, unchecked, content } = answer
  const banner = within(
    'div',
    [element('b', `${SIGNS[outcome]} ${outcome}`), element('span', sentenceOf(answer))],
    `outcome ${outcome}`,
  )
  banner.id = 'outcome'
  Object.assign(banner.dataset, { outcome, reason: reason ?? '' })
  const parts = [banner]
  if (why) parts.push(element('p', reason ? `${why} (${reason})` : why))
  if (MEANINGS[outcome]) parts.push(element('p', MEANINGS[outcome]))
  if (answer.doubts.length > 1)
    parts.push(listOf(answer.doubts.slice(1).map((doubt) => `${doubt.why} (${doubt.reason})`)))
  if (content && outcome !== 'REFUSED') parts.push(...contentParts(content))
  parts.push(section('What was checked', checks.length ? factList(checks) : element('p', 'nothing')))
  const beside = others.map((path) => `${path}: not signed, or not compared`)
  parts.push(
    section('What was not checked here', listOf([...unchecked, ...beside.slice(0, 50), ...more(beside), ...NOT_HERE])),
  )
  place.replaceChildren(...parts)
}

function more(beside) {
  return beside.length > 50 ? [`and ${beside.length - 50} more files`] : []
}

function sentenceOf({ outcome, content }) {
  if (outcome !== 'PASSED') return ''
  const { header, isExcerpt } = content
  const word = header.demonstration ? 'DEMONSTRATION. ' : ''
  if (isExcerpt)
    return `The excerpt is genuine. ${word}It says of ${content.images[0].name}: ${content.images[0].verdict}`
  return `The signed file is genuine and unaltered. ${word}It says: ${countsText(header.specimens)}`
}

function contentParts(content) {
  if (content.isFormer)
    return [section('Rows as they were signed', element('p', 'No verdict was recomputed.'), formerTable(content))]
  const { header, specimens, images } = content
  const parts = []
  if (header.demonstration)
    parts.push(element('p', 'DEMONSTRATION: this report is of a model for demonstrations.', 'demonstration'))
  parts.push(element('p', `AUTHENTIC means authentic as: ${header.reference}`, 'claim'))
  const judged = [...specimens, ...images.filter(({ specimen }) => specimen === null)]
  parts.push(
    section(
      'Specimens',
      element('p', 'An image without a specimen\u2019s name is a specimen of its own.'),
      specimenTable(judged, header),
      factList(meaningsOf(judged)),
    ),
  )
  parts.push(section('Images', imageTable(images)))
  parts.push(section('What the report states of itself', factList(headerFacts(content))))
  parts.push(section('What no report proves', listOf(header.limits)))
  return parts
}

function specimenTable(rows, header) {
  const rules = rulesOf(header)
  const ratios = header.model.ratios.map(({ alternative }, place) => ({
    title: `LR, ${alternative}`,
    of: (row) => ratioTexts(row, header, rules)[place] ?? '-',
  }))
  const columns = [
    { title: 'specimen', of: (row) => row.name ?? row.specimen, style: 'anywhere' },
    { title: 'verdict', of: ({ verdict }) => verdict, style: 'verdict' },
    { title: 'why', of: ({ reasons }) => reasons.join(', ') },
    {
      title: 'p, authentic',
      of: ({ evidence }) => pText(evidence?.authentic),
      by: ({ evidence }) => pValue(evidence?.authentic),
    },
    {
      title: 'p, counterfeit',
      of: ({ evidence }) => pText(evidence?.counterfeit),
      by: ({ evidence }) => pValue(evidence?.counterfeit),
    },
    ...ratios,
    {
      title: 'images',
      of: (row) => String(row.name === undefined ? row.images : 1),
      by: (row) => (row.name === undefined ? row.images : 1),
    },
  ]
  return rowTable(columns, rows, (row) => [row.name ?? row.specimen])
}

function imageTable(rows) {
  const columns = [
    { title: 'image', of: ({ name }) => name, style: 'anywhere' },
    { title: 'specimen', of: ({ specimen }) => specimen ?? '-' },
    { title: 'verdict', of: ({ verdict }) => verdict, style: 'verdict' },
    { title: 'why', of: ({ reasons }) => reasons.join(', ') },
    { title: 'quality', of: ({ quality }) => quality ?? '-' },
    { title: 'pixel', of: ({ scale }) => (scale ? `${scale.nm} nm, by ${scale.source}` : 'not stated') },
    { title: 'remarks', of: ({ remarks, steps }) => [...remarks, ...steps].join('; ') || '-' },
    { title: 'SHA-256 of the file', of: ({ sha256 }) => sha256 ?? 'not signed', style: 'anywhere' },
  ]
  return rowTable(columns, rows, ({ name, specimen, sha256 }) => [name, specimen ?? '', sha256 ?? ''])
}

function formerTable({ images }) {
  const columns = [
    { title: 'image', of: ({ name }) => String(name) },
    { title: 'specimen', of: ({ specimen }) => String(specimen ?? '-') },
    { title: 'verdict', of: ({ verdict }) => String(verdict), style: 'verdict' },
    { title: 'why', of: ({ reasons }) => String(reasons ?? '') },
  ]
  return rowTable(columns, images, ({ name, specimen }) => [String(name), String(specimen ?? '')])
}
