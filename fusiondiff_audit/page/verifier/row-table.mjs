// A table of rows that can be sorted by each column and filtered, of which one page is in the document.

import { compareText, grouped } from './encoding.mjs'
import { element, within } from './elements.mjs'
import { VERDICTS } from './rows.mjs'

const PAGE = 100 // rows

// `columns` have a title, `of` from a row to its text, `by` from a row to a number that it is sorted by, or none, and a
// style, or none.
export function rowTable(columns, rows, searched) {
  const state = { column: null, isReverse: false, text: '', verdict: '', page: 0 }
  const texts = new Map() // of each row, made once
  const head = within(
    'tr',
    columns.map((column) => within('th', [sortButton(column)])),
  )
  const body = element('tbody')
  const status = element('span')
  const [back, forward] = [pageButton('previous page', -1), pageButton('next page', 1)]
  const filter = element('input')
  Object.assign(filter, { type: 'search', placeholder: 'filter by name' })
  filter.setAttribute('aria-label', 'filter by name')
  filter.addEventListener('input', () => show({ text: filter.value.toLowerCase(), page: 0 }))
  const choice = within(
    'select',
    ['', ...VERDICTS].map((verdict) => Object.assign(element('option', verdict || 'all verdicts'), { value: verdict })),
  )
  choice.setAttribute('aria-label', 'verdict')
  choice.addEventListener('change', () => show({ verdict: choice.value, page: 0 }))
  show({})
  const table = within('table', [within('thead', [head]), body])
  return within('div', [
    within('div', [filter, choice, status, back, forward], 'tools'),
    within('div', [table], 'wide'),
  ])

  function sortButton(column) {
    const button = element('button', column.title)
    button.type = 'button'
    button.addEventListener('click', () => {
      const isSame = state.column === column
      show({ column, isReverse: isSame && !state.isReverse, page: 0 })
    })
    return button
  }

  function pageButton(text, step) {
    const button = element('button', text)
    button.type = 'button'
    button.addEventListener('click', () => show({ page: state.page + step }))
    return button
  }

  function show(changes) {
    Object.assign(state, changes)
    const shown = sorted(rows.filter(isWanted))
    const pages = Math.max(1, Math.ceil(shown.length / PAGE))
    const start = state.page * PAGE
    body.replaceChildren(...shown.slice(start, start + PAGE).map(rowElement))
    const place = pages === 1 ? '' : `, page ${state.page + 1} of ${pages}`
    status.textContent = `${grouped(shown.length)} of ${grouped(rows.length)} rows${place}`
    back.disabled = state.page === 0
    forward.disabled = state.page + 1 >= pages
    back.hidden = forward.hidden = pages === 1
    for (const [i, column] of columns.entries()) {
      const order = state.column === column ? (state.isReverse ? 'descending' : 'ascending') : 'none'
      head.children[i].setAttribute('aria-sort', order)
    }
  }

  function isWanted(row) {
    if (state.verdict && row.verdict !== state.verdict) return false
    if (!state.text) return true
    if (!texts.has(row)) texts.set(row, searched(row).join('\n').toLowerCase())
    return texts.get(row).includes(state.text)
  }

  function sorted(wanted) {
    if (!state.column) return wanted
    const { by, of } = state.column
    const keyed = wanted.map((row) => [by ? by(row) : of(row), row])
    const order = by ? ([a], [b]) => a - b : ([a], [b]) => compareText(a, b)
    keyed.sort(order)
    return (state.isReverse ? keyed.reverse() : keyed).map(([, row]) => row)
  }

  function rowElement(row) {
    return within(
      'tr',
      columns.map((column) => {
        const cell = element('td', column.of(row), column.style)
        cell.dataset.head = column.title
        return cell
      }),
    )
  }
}
