'use strict'
// The reviewer's page: a list of specimens, one of them in full, and decisions that leave the page as a file.
const content = JSON.parse(document.getElementById('content').textContent)
const LONGEST_REASON = 1000
const WORDS = { agree: 'agree', disagree: 'disagree', 'look-again': 'look again' }
const KEYS = { a: 'agree', d: 'disagree', l: 'look-again' }
const decisions = new Map()
const far = Number.POSITIVE_INFINITY
const specimens = content.specimens
  .map((specimen, place) => ({ ...specimen, place }))
  .sort((one, other) => (one.near ?? far) - (other.near ?? far) || one.place - other.place)
let shown = specimens
let current = specimens[0] ?? null
let saved = true

const byId = (id) => document.getElementById(id)
function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties)
  if (text !== undefined) made.textContent = text
  return made
}
function drawn(tag, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}

function fill(select, values) {
  for (const value of [...new Set(values)].sort()) select.append(element('option', value, { value }))
}
function refilter() {
  const verdict = byId('verdict').value
  const reason = byId('reason').value
  const decided = byId('decided').value
  const name = byId('name').value.toLowerCase()
  shown = specimens.filter(
    (specimen) =>
      (!verdict || specimen.verdict === verdict) &&
      (!reason || specimen.reasons.includes(reason)) &&
      (!decided || (decisions.get(specimen.name)?.decision ?? 'none') === decided) &&
      specimen.shown.toLowerCase().includes(name),
  )
  if (!shown.includes(current)) current = shown[0] ?? null
  draw()
}

function draw() {
  const rows = shown.map((specimen) => {
    const row = element('tr', undefined, { tabIndex: specimen === current ? 0 : -1 })
    row.setAttribute('aria-selected', specimen === current)
    const decision = decisions.get(specimen.name)?.decision
    row.append(
      element('td', specimen.shown),
      element('td', specimen.verdict, { className: `verdict ${specimen.verdict}` }),
      element('td', specimen.near === null ? '-' : String(specimen.near)),
      element('td', decision ? WORDS[decision] : ''),
    )
    row.addEventListener('click', () => choose(specimen))
    return row
  })
  byId('rows').replaceChildren(...rows)
  byId('count').textContent = `${shown.length} of ${specimens.length}; ${decisions.size} decided`
  byId('rows').querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  drawDetail()
}
function choose(specimen) {
  current = specimen
  draw()
}

function drawDetail() {
  const detail = byId('detail')
  if (current === null) return detail.replaceChildren(element('p', 'No specimen has these properties.'))
  const images = element('div', undefined, { className: 'images' })
  for (const image of current.images) images.append(figureOf(image))
  detail.replaceChildren(
    element('h2', current.shown),
    element('p', current.verdict, { className: `verdict ${current.verdict}` }),
    ...current.reasons.map((reason) => element('p', reason, { className: 'why' })),
    ...current.evidence.map((text) => element('p', text)),
    ...decisionOf(current),
    images,
  )
}
function figureOf(image) {
  const figure = element('figure')
  if (image.picture) figure.append(element('img', undefined, { src: image.picture, alt: image.name }))
  if (image.map) figure.append(mapOf(image))
  figure.append(element('figcaption', image.remark ? `${image.name}: ${image.remark}` : image.name))
  const facts = element('dl')
  for (const [label, text] of image.facts) {
    const line = element('div')
    line.append(element('dt', `${label}:`), element('dd', text))
    facts.append(line)
  }
  const details = element('details')
  details.append(element('summary', 'Details'), facts)
  figure.append(details)
  return figure
}
function mapOf({ map, name }) {
  const label = `share of trees that vote authentic, tile by tile, of ${name}`
  const svg = drawn('svg', { viewBox: `0 0 ${map.across} ${map.down}`, role: 'img', 'aria-label': label })
  for (const [across, down, score] of map.tiles) {
    const fill = score >= 50 ? '#0b5c8a' : '#b03a12'
    const square = { x: across, y: down, width: 1, height: 1, fill, 'fill-opacity': Math.abs(score - 50) / 50 }
    svg.append(drawn('rect', square))
  }
  return svg
}

function decisionOf(specimen) {
  const decided = decisions.get(specimen.name)
  const buttons = element('div', undefined, { className: 'decide' })
  for (const [decision, word] of Object.entries(WORDS)) {
    const button = element('button', word, { type: 'button' })
    button.dataset.decision = decision
    button.setAttribute('aria-pressed', decided?.decision === decision)
    button.addEventListener('click', () => decide(decision))
    buttons.append(button)
  }
  const reason = element('textarea', undefined, { id: 'why', maxLength: LONGEST_REASON, value: decided?.reason ?? '' })
  reason.addEventListener('input', () => {
    const before = decisions.get(specimen.name)
    if (before) decisions.set(specimen.name, { ...before, reason: reason.value })
    saved = false
  })
  const label = element('label', 'Reason (needed unless you agree)')
  label.htmlFor = 'why'
  return [buttons, label, reason]
}
function decide(decision) {
  if (current === null) return
  const before = decisions.get(current.name)
  if (before?.decision === decision) decisions.delete(current.name)
  else decisions.set(current.name, { decision, reason: byId('why')?.value ?? before?.reason ?? '' })
  saved = false
  draw()
  if (decision !== 'agree') byId('why')?.focus()
}
function step(by) {
  const place = shown.indexOf(current) + by
  if (place >= 0 && place < shown.length) choose(shown[place])
}

function plot() {
  const values = specimens.map((specimen) => specimen.p).filter((p) => p !== null)
  values.sort((one, other) => one - other)
  const at = (share) => 30 + 270 * share
  const svg = byId('plot')
  const bound = 320 - at(content.alpha)
  svg.append(
    drawn('rect', { class: 'axis', x: 30, y: 20, width: 270, height: 270 }),
    drawn('line', { class: 'axis', x1: at(0), y1: 320 - at(0), x2: at(1), y2: 320 - at(1) }),
    drawn('line', { class: 'bound', x1: at(0), y1: bound, x2: at(1), y2: bound }),
  )
  values.forEach((p, place) => svg.append(drawn('circle', { cx: at((place + 0.5) / values.length), cy: 320 - at(p), r: 3 })))
  for (const [x, y, words] of [
    [30, 312, 'specimens, least p first'],
    [4, 14, 'p as authentic'],
  ]) {
    const label = drawn('text', { x, y })
    label.textContent = words
    svg.append(label)
  }
}

function save() {
  const lacking = specimens.find(({ name }) => {
    const decided = decisions.get(name)
    return decided && decided.decision !== 'agree' && !decided.reason.trim()
  })
  if (lacking || !decisions.size) {
    if (lacking) choose(lacking)
    byId('count').replaceChildren(
      element('span', lacking ? `${lacking.shown}: give a reason` : 'nothing is decided yet', { className: 'missing' }),
    )
    return
  }
  const listed = [...decisions].map(([specimen, { decision, reason }]) => {
    const plain = reason.replace(/\s+/g, ' ').trim()
    return { specimen, decision, reason: plain || null }
  })
  const file = { format: content.format, report: content.report, decisions: listed }
  const link = element('a', undefined, { download: `decisions-${content.id.slice(0, 8)}.json` })
  link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: 'application/json' }))
  link.click()
  URL.revokeObjectURL(link.href)
  saved = true
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.target.matches('input, textarea, select')) {
    if (event.key === 'Escape') event.target.blur()
    return
  }
  if (event.key in KEYS) decide(KEYS[event.key])
  else if (event.key === 'j') step(1)
  else if (event.key === 'k') step(-1)
  else if (event.key === 'z') byId('detail').classList.toggle('enlarged')
  else if (event.key === '/') byId('name').focus()
  else return
  event.preventDefault()
})
window.addEventListener('beforeunload', (event) => {
  if (!saved) event.preventDefault()
})
byId('filters').addEventListener('submit', (event) => event.preventDefault())
for (const id of ['verdict', 'reason', 'decided', 'name']) byId(id).addEventListener('input', refilter)
byId('export').addEventListener('click', save)
fill(byId('verdict'), specimens.map(({ verdict }) => verdict))
fill(byId('reason'), specimens.flatMap(({ reasons }) => reasons))
byId('report').textContent = content.id.slice(0, 8)
byId('reference').textContent = content.reference
byId('demonstration').hidden = !content.demonstration
plot()
draw()
