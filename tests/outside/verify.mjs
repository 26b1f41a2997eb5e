// Reads lines `bundle<TAB>key` or `bundle<TAB>key<TAB>chain` from standard input, and answers each with
// `good <SHA-256 of what was signed>` or `bad <why>`. A chain is needed where the bundle carries a timestamp: the
// authority's own certificate, then those above it, in one PEM file.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createHash, createPublicKey } from 'node:crypto'
import { bundleFromJSON } from '@sigstore/bundle'
import { dsse } from '@sigstore/core'
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify'

const mediaType = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1'
const thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }

function authority(path) {
  const pems = readFileSync(path, 'utf8').match(/(?<=CERTIFICATE-----)[^-]+(?=-----END)/g)
  const certificates = pems.map((text) => ({ rawBytes: Buffer.from(text, 'base64') }))
  return { certChain: { certificates }, validFor: { start: new Date(0) } }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [path, key, chain] = line.split('\t')
  const publicKey = createPublicKey(readFileSync(key))
  const timestampAuthorities = chain ? [authority(chain)] : []
  const root = { mediaType, tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities }
  const material = toTrustMaterial(root, () => ({ publicKey, validFor: () => true }))
  try {
    const bundle = bundleFromJSON(JSON.parse(readFileSync(path, 'utf8')))
    new Verifier(material, thresholds).verify(toSignedEntity(bundle))
    const { payloadType, payload } = bundle.content.dsseEnvelope
    const signed = dsse.preAuthEncoding(payloadType, payload)
    console.log(`good ${createHash('sha256').update(signed).digest('hex')}`)
  } catch (error) {
    console.log(`bad ${error.code ?? error.name}`)
  }
}
