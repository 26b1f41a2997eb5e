// JSON of signed files that may have any key order and white space: one object, no key twice, no depth above 16.
// Whole numbers beyond 2^53 are BigInts, and numbers with a point or an exponent are JsonFloats.

import { fromUtf8, grouped } from './encoding.mjs'
import { Refusal, malformed } from './refusal.mjs'

export const MAX_DEPTH = 16
const MAX_DIGITS = 4300 // of a whole number, as Python reads it
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y
const SPACE = /[ \t\n\r]*/y

export class JsonFloat {
  constructor(value) {
    this.value = value
  }
}

// The object in some bytes; `tokens` bounds the braces, brackets and commas.
export function parseJson(data, where, { limit, tokens = 1000 }) {
  if (data.length > limit)
    throw new Refusal('too-large', `${where}: ${grouped(data.length)} bytes, at most ${grouped(limit)}`)
  let count = 0
  for (let i = 0; i < data.length; i++) if (data[i] === 0x7b || data[i] === 0x5b || data[i] === 0x2c) count++
  if (count > tokens)
    throw new Refusal('too-large', `${where}: ${grouped(count)} JSON tokens, at most ${grouped(tokens)}`)
  const text = fromUtf8(data)
  if (text === null) throw malformed(where, 'not UTF-8')
  const parser = new Parser(text, where)
  const value = parser.document()
  if (!isObject(value)) throw malformed(where, 'expected an object')
  return value
}

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat)
}

class Parser {
  constructor(text, where) {
    this.text = text
    this.where = where
    this.at = 0
  }

  document() {
    this.space()
    const value = this.value(1)
    this.space()
    if (this.at !== this.text.length) throw this.fault('text after the object')
    return value
  }

  value(depth) {
    if (depth > MAX_DEPTH) throw this.fault('nested too deeply')
    const first = this.text[this.at]
    if (first === '{') return this.object(depth)
    if (first === '[') return this.list(depth)
    if (first === '"') return this.string()
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length
        return value
      }
    }
    return this.number()
  }

  object(depth) {
    const object = Object.create(null)
    this.items('}', () => {
      if (this.text[this.at] !== '"') throw this.fault('a key that is no text')
      const key = this.string()
      if (key in object) throw this.fault('the same key twice in one object')
      this.space()
      if (this.text[this.at++] !== ':') throw this.fault('a key without a value')
      this.space()
      object[key] = this.value(depth + 1)
    })
    return object
  }

  list(depth) {
    const list = []
    this.items(']', () => list.push(this.value(depth + 1)))
    return list
  }

  items(end, read) {
    this.at++
    this.space()
    if (this.text[this.at] === end) {
      this.at++
      return
    }
    for (;;) {
      read()
      this.space()
      const next = this.text[this.at++]
      if (next === end) return
      if (next !== ',') throw this.fault('a comma or an end is missing')
      this.space()
    }
  }

  string() {
    const start = this.at
    let end = start
    do {
      end = this.text.indexOf('"', end + 1)
      if (end < 0) throw this.fault('a text without an end')
    } while (isEscaped(this.text, end, start))
    this.at = end + 1
    const raw = this.text.slice(start + 1, end)
    if (!/[\\\x00-\x1f]/.test(raw)) return raw
    try {
      return JSON.parse(`"${raw}"`)
    } catch {
      throw this.fault('a text with a control character or a bad escape')
    }
  }

  number() {
    NUMBER.lastIndex = this.at
    const match = NUMBER.exec(this.text)
    if (!match) throw this.fault('not JSON')
    this.at = NUMBER.lastIndex
    if (match[1] !== undefined || match[2] !== undefined) {
      if (!Number.isFinite(Number(match[0]))) throw this.fault('a number out of range')
      return new JsonFloat(Number(match[0]))
    }
    if (match[0].length > MAX_DIGITS) throw this.fault('a whole number of too many digits')
    return wholeNumber(match[0])
  }

  space() {
    SPACE.lastIndex = this.at
    SPACE.exec(this.text)
    this.at = SPACE.lastIndex
  }

  fault(what) {
    return malformed(this.where, `not strict JSON (${what}, at ${this.at})`)
  }
}

export function wholeNumber(digits) {
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number || 0 : BigInt(digits)
}

function isEscaped(text, end, start) {
  let backslashes = 0
  while (end - 1 - backslashes > start && text[end - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}
