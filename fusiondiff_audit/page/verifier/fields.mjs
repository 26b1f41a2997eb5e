// JSON objects with a closed set of keys, read field by field (signing/fields.py): one field of another type refuses
// the whole text.

import { grouped, readBase64 } from './encoding.mjs'
import { isObject, parseJson } from './json.mjs'
import { Refusal, malformed, quoted } from './refusal.mjs'
import { isPlain, lengthOf } from './text.mjs'
import { readTime } from './times.mjs'

export const MAX_TEXT = 16 * 1024 // characters

export function readFields(data, where, limits) {
  return new Fields(parseJson(data, where, limits), where)
}

export function isDigest(text) {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)
}

export class Fields {
  constructor(value, where) {
    if (!isObject(value)) throw malformed(where, 'expected an object')
    this.value = value
    this.where = where
  }

  closed(names, optional = []) {
    for (const name of Object.keys(this.value)) {
      if (!names.includes(name) && !optional.includes(name))
        throw malformed(this.where, `unknown field ${quoted(name)}`)
    }
    for (const name of names) if (!this.has(name)) throw malformed(this.where, `field ${name} is missing`)
    return this
  }

  has(name) {
    return Object.hasOwn(this.value, name)
  }

  get(name) {
    if (!this.has(name)) throw malformed(this.where, `field ${name} is missing`)
    return this.value[name]
  }

  at(name) {
    return `${this.where}: ${name}`
  }

  text(name, limit = MAX_TEXT) {
    const value = this.raw(name, limit)
    if (!isPlain(value) || value !== value.trim())
      throw malformed(this.at(name), 'holds control characters, or white space at its ends')
    if (!value) throw malformed(this.at(name), 'is empty')
    return value
  }

  raw(name, limit) {
    const value = this.get(name)
    if (typeof value !== 'string') throw malformed(this.at(name), 'expected text')
    if (value.length > limit && lengthOf(value) > limit) {
      throw new Refusal('too-large', `${this.at(name)}: at most ${grouped(limit)} characters`)
    }
    if (!value.isWellFormed()) throw malformed(this.at(name), 'holds half a character')
    return value
  }

  member(name, values) {
    const value = this.text(name)
    if (!values.includes(value)) throw malformed(this.at(name), `expected ${values.join(' or ')}`)
    return value
  }

  integer(name, least, most) {
    const value = this.get(name)
    if (typeof value !== 'number' || value < least || value > most) {
      throw malformed(this.at(name), `expected a whole number from ${least} to ${most}`)
    }
    return value
  }

  boolean(name) {
    const value = this.get(name)
    if (typeof value !== 'boolean') throw malformed(this.at(name), 'expected true or false')
    return value
  }

  isNull(name) {
    return this.get(name) === null
  }

  time(name) {
    return readTime(this.raw(name, 40), this.at(name))
  }

  sha256(name) {
    const value = this.raw(name, 64)
    if (!isDigest(value)) throw malformed(this.at(name), 'expected 64 lower-case hexadecimal digits')
    return value
  }

  base64(name, limit) {
    return readBase64(this.raw(name, limit), this.at(name))
  }

  fields(name) {
    return new Fields(this.get(name), this.at(name))
  }

  texts(name, most) {
    const value = this.get(name)
    if (!Array.isArray(value) || value.length > most)
      throw malformed(this.at(name), `expected a list of at most ${most} values`)
    return value.map((item) => new Fields({ item }, this.at(name)).text('item'))
  }

  list(name, least, most) {
    const value = this.get(name)
    if (!Array.isArray(value)) throw malformed(this.at(name), 'expected a list')
    if (value.length > most)
      throw new Refusal('too-large', `${this.at(name)}: ${grouped(value.length)} entries, at most ${grouped(most)}`)
    if (value.length < least) throw malformed(this.at(name), `expected at least ${least} entries`)
    return value.map((item, i) => new Fields(item, `${this.at(name)}[${i}]`))
  }

  constant(name, expected) {
    const value = this.raw(name, MAX_TEXT)
    if (value !== expected)
      throw new Refusal('unsupported', `${this.at(name)}: expected ${expected}, found ${quoted(value)}`)
  }
}
