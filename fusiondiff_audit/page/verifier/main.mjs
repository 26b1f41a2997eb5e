// The page: collects files and the pin, verifies, and shows the answer.

import {
  chosenFiles,
  digestImages,
  droppedFiles,
  holdsTrustStore,
  readReportFiles,
  readTrustFile,
} from './dropped-files.mjs'
import { showAnswer } from './answer-view.mjs'
import { NeedsTool } from './refusal.mjs'
import { verify } from './verification.mjs'

const ZONES = {
  report: ['report-files', 'report-folder'],
  trust: ['trust-file'],
  images: ['image-files', 'image-folder'],
}
const PIN = /^(?:sha256:)?([0-9a-f]{64})$/
const chosen = { report: [], trust: [], images: [] }
const byId = (id) => document.getElementById(id)

for (const [zone, inputs] of Object.entries(ZONES)) {
  const area = byId(`drop-${zone}`)
  for (const id of inputs) byId(id).addEventListener('change', ({ target }) => choose(zone, chosenFiles(target.files)))
  area.addEventListener('dragover', (event) => {
    event.preventDefault()
    area.classList.add('over')
  })
  area.addEventListener('dragleave', () => area.classList.remove('over'))
  area.addEventListener('drop', async (event) => {
    event.preventDefault()
    area.classList.remove('over')
    try {
      choose(zone, await droppedFiles(event.dataTransfer))
    } catch {
      choose(zone, [])
      byId(`${zone}-chosen`).textContent = 'This browser could not open what was dropped: choose it by the button.'
    }
  })
}
for (const name of ['dragover', 'drop']) document.addEventListener(name, (event) => event.preventDefault()) // beside a zone
byId('inputs').addEventListener('submit', async (event) => {
  event.preventDefault()
  byId('check').disabled = true
  try {
    await check()
  } finally {
    byId('check').disabled = false
    byId('progress').textContent = ''
  }
})

function choose(zone, files) {
  chosen[zone] = files
  const [first] = files
  byId(`${zone}-chosen`).textContent =
    files.length > 1 ? `${files.length} files, ${first.path} and others` : (first?.path ?? '')
  byId('answer').replaceChildren() // an answer never stands beside other files than its own
}

async function breathe(progress) {
  byId('progress').textContent = progress
  await new Promise((resolve) => setTimeout(resolve))
}

async function check() {
  const place = byId('answer')
  place.replaceChildren()
  let others = []
  try {
    const { files, rest } = await readReportFiles(chosen.report)
    others = rest.map(({ path }) => path)
    const trust = await readTrustFile(chosen.trust)
    if (!trust.trust && !trust.key) {
      const isBeside = await holdsTrustStore(rest)
      return showAnswer(place, inconclusive(...(isBeside ? BESIDE_REPORT : NO_TRUST)), others)
    }
    const { images, batch } = await digestImages(chosen.images, breathe)
    const answer = await verify({ files: { ...files, ...trust }, images, batch, pin: readPin(), at: now(), breathe })
    showAnswer(place, answer, others)
  } catch (error) {
    const isOurs = error instanceof NeedsTool
    showAnswer(
      place,
      inconclusive(isOurs ? error.reason : 'fault', isOurs ? error.message : `a fault of this page: ${error.message}`),
      others,
    )
  }
}

const BESIDE_REPORT = [
  'trust-beside-report',
  'A trust store lies beside the report, and is not used: whoever made the report could have made it as well. Choose the one that the holders of the root keys gave you.',
]
const NO_TRUST = ['no-trust-store', 'No trust store was given, so nobody vouches for the key that signed the report.']

function inconclusive(reason, why) {
  return { outcome: 'INCONCLUSIVE', reason, why, checks: [], unchecked: [], doubts: [], content: null }
}

function now() {
  return Math.floor(Date.now() / 1000) * 1000
}

// The digits of the pin, or null where none was typed.
function readPin() {
  const typed = byId('pin').value.replace(/\s/g, '').toLowerCase()
  if (typed === '') return null
  const match = PIN.exec(typed)
  if (!match) throw new NeedsTool('the pin is not 64 hexadecimal digits')
  return match[1]
}
