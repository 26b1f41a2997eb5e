// Why a file is not accepted. A Refusal is what `fusiondiff-audit verify` refuses as well, with the same reason code.
// NeedsTool is for what these modules do not check: nobody learns from it whether the file is good.

export class Refusal extends Error {
  constructor(reason, message) {
    super(message)
    this.reason = reason
  }
}

export class NeedsTool extends Error {
  constructor(message) {
    super(message)
    this.reason = 'needs-tool'
  }
}

export function malformed(where, what) {
  return new Refusal('malformed', `${where}: ${what}`)
}

export function contradiction(where, fault) {
  return new Refusal('contradiction', `${where}: contradicts itself: ${fault}`)
}

// Signed text in a message, with everything but printable ASCII written as an escape.
export function quoted(text) {
  return JSON.stringify(text.slice(0, 100)).replace(
    /[^ -~]/g,
    (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'),
  )
}
