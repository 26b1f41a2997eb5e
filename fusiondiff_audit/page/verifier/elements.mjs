// Elements of the page. Every text enters it by textContent, so nothing that was signed is read as markup.

export function element(tag, text = '', className = '') {
  const made = document.createElement(tag)
  made.textContent = text
  if (className) made.className = className
  return made
}

export function within(tag, children, className = '') {
  const made = element(tag, '', className)
  made.append(...children)
  return made
}

export function section(title, ...children) {
  return within('section', [element('h2', title), ...children])
}

export function listOf(sentences) {
  return within(
    'ul',
    sentences.map((sentence) => element('li', sentence)),
  )
}

// Pairs of a title and a sentence; pairs without a sentence are left out.
export function factList(pairs) {
  const stated = pairs.filter(([, sentence]) => sentence !== null && sentence !== '')
  return within(
    'dl',
    stated.flatMap(([title, sentence]) => [element('dt', title), element('dd', sentence)]),
  )
}
