// Whether a certificate (DER, RFC 5280) is that of an authority. A trust store that lists another one is refused; no
// certificate vouches for anything here.

const SEQUENCE = 0x30
const EXTENSIONS = 0xa3
const BASIC_CONSTRAINTS = [0x55, 0x1d, 0x13]

// Null, or the reason code of the refusal.
export function certificateFault(der) {
  try {
    const [certificate, ...others] = elements(der)
    if (others.length || certificate.tag !== SEQUENCE) return 'malformed'
    const [body, algorithm, signature, ...more] = elements(certificate.content)
    if (more.length || body.tag !== SEQUENCE || algorithm.tag !== SEQUENCE || signature.tag !== 0x03) return 'malformed'
    const wrapped = elements(body.content).find(({ tag }) => tag === EXTENSIONS)
    if (!wrapped) return 'malformed' // cryptography finds no basic constraints
    const [list] = elements(wrapped.content)
    for (const extension of elements(list.content)) {
      const parts = elements(extension.content)
      if (String([...parts[0].content]) !== String(BASIC_CONSTRAINTS)) continue
      const [constraints] = elements(parts.at(-1).content)
      const [first] = elements(constraints.content)
      return first && first.tag === 0x01 && first.content[0] === 0xff ? null : 'unsupported'
    }
    return 'malformed'
  } catch {
    return 'malformed'
  }
}

function elements(content) {
  const found = []
  for (let at = 0; at < content.length;) {
    let size = content[at + 1]
    let start = at + 2
    if (size >= 0x80) {
      const bytes = size & 0x7f
      if (bytes < 1 || bytes > 3) throw new Error('length')
      size = 0
      for (let i = 0; i < bytes; i++) size = size * 256 + content[start++]
    }
    if (!(start + size <= content.length)) throw new Error('cut short')
    found.push({ tag: content[at], content: content.subarray(start, start + size) })
    at = start + size
  }
  return found
}
