// The one form in which we write JSON: keys in order, no white space, ASCII. What is read here was written so, or is
// refused: so the bytes of a part of a report are the bytes that its leaf was hashed from.

import { malformed } from './refusal.mjs'
import { JsonFloat, wholeNumber } from './json.mjs'

const PLAIN = /^[ !#-[\]-~]*$/
const INTEGER = /-?(?:0|[1-9][0-9]*)/y
const MOST_DEPTH = 32

// A text as JSON, everything but printable ASCII escaped.
export function jsonText(text) {
  if (PLAIN.test(text)) return `"${text}"`
  const short = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' }
  const escape = (c) => short[c] ?? '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')
  return `"${text.replace(/[^ !#-[\]-~]/g, escape)}"`
}

export function writeJson(value) {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return jsonText(value)
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`
  if (value instanceof JsonFloat) throw malformed('JSON', 'a number with a point or an exponent')
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${jsonText(key)}:${writeJson(value[key])}`).join(',')}}`
}

// A position in a canonical text; each method reads at it and moves it.
export class CanonicalReader {
  constructor(text, where) {
    this.text = text
    this.where = where
    this.at = 0
  }

  skip(word) {
    if (!this.text.startsWith(word, this.at)) return false
    this.at += word.length
    return true
  }

  expect(word) {
    if (!this.skip(word)) throw this.fault()
  }

  value(depth = 0) {
    const first = this.text.charCodeAt(this.at)
    if (first === 0x22) return this.string()
    if (depth > MOST_DEPTH) throw this.fault()
    if (first === 0x7b) return this.object(depth)
    if (first === 0x5b) return this.list(depth)
    if (this.skip('true')) return true
    if (this.skip('false')) return false
    if (this.skip('null')) return null
    return this.integer()
  }

  object(depth) {
    const object = {}
    let last = null
    this.at++
    if (this.skip('}')) return object
    for (;;) {
      const key = this.string()
      this.expect(':')
      if ((last !== null && key <= last) || key.startsWith('__')) throw this.fault() // no key of ours begins so
      object[key] = this.value(depth + 1)
      last = key
      if (this.skip('}')) return object
      this.expect(',')
    }
  }

  list(depth) {
    const list = []
    this.at++
    if (this.skip(']')) return list
    for (;;) {
      list.push(this.value(depth + 1))
      if (this.skip(']')) return list
      this.expect(',')
    }
  }

  string() {
    const start = this.at + 1
    if (this.text.charCodeAt(this.at) !== 0x22) throw this.fault()
    let end = start
    let escaped = false
    for (let code; (code = this.text.charCodeAt(end)) !== 0x22; end++) {
      if (code === 0x5c) {
        escaped = true
        end++
      } else if (!(code >= 0x20 && code < 0x7f)) throw this.fault() // NaN where the text ends
    }
    this.at = end + 1
    const raw = this.text.slice(start, end)
    if (!escaped) return raw
    let value
    try {
      value = JSON.parse(`"${raw}"`)
    } catch {
      throw this.fault()
    }
    if (jsonText(value) !== `"${raw}"`) throw this.fault()
    return value
  }

  integer() {
    INTEGER.lastIndex = this.at
    const match = INTEGER.exec(this.text)
    if (!match || match[0] === '-0' || match[0].length > 20) throw this.fault()
    this.at = INTEGER.lastIndex
    return wholeNumber(match[0])
  }

  fault() {
    return malformed(this.where, `not in the one form of a report, at ${this.at}`)
  }
}
