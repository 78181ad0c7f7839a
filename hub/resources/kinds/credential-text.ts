// Places beside spec.data into which a secret can slip.
import { type Credential, CredentialSpec, sealedMark } from '#shared/contract/credential.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { FieldCause } from '../types.ts'
import { prune } from '../validate/schema.ts'
import { forbidden } from './rules.ts'

/** `kubectl apply` keeps the manifest here as it was given, secrets in clear, to see next time what was taken out of it. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** Marks stand for the secrets in it, so that the next apply still finds fields that are gone. What cannot be read goes as a whole. */
export function scrubLastApplied(object: Resource): Resource {
  const annotations: Readonly<Record<string, unknown>> | undefined = object.metadata.annotations
  const text = annotations?.[lastApplied]
  if (text === undefined) return object
  const { [lastApplied]: _text, ...others } = annotations ?? {}
  const scrubbed = typeof text === 'string' ? scrub(text) : undefined
  const kept = (scrubbed === undefined ? others : { ...others, [lastApplied]: scrubbed }) as Record<string, string>
  return { ...object, metadata: { ...object.metadata, annotations: Object.keys(kept).length === 0 ? undefined : kept } }
}

function scrub(text: string): string | undefined {
  let manifest: { apiVersion?: unknown; kind?: unknown; metadata?: unknown; spec?: unknown }
  try {
    manifest = JSON.parse(text) as typeof manifest
  } catch {
    // Not what kubectl writes.
    return undefined
  }
  if (typeof manifest !== 'object' || manifest === null) return undefined
  // Fields that the schema does not know may hold anything.
  const spec = prune(CredentialSpec, manifest.spec ?? {}, 'spec', []) as Partial<Credential['spec']>
  const data = typeof spec.data === 'object' ? Object.fromEntries(Object.keys(spec.data).map((field) => [field, sealedMark])) : undefined
  const { apiVersion, kind, metadata } = manifest
  return `${JSON.stringify({ apiVersion, kind, metadata, spec: { ...spec, ...(data && { data }) } })}\n`
}

/** Shorter ones are found in any text. */
const shortestSecret = 8

/** Refuses to store the secret a second time in clear, as a note for instance. */
export function elsewhere({ metadata, spec }: Resource, data: Readonly<Record<string, string>>): FieldCause[] {
  const secrets = Object.entries(data).filter(([field, text]) => field !== 'username' && text.length >= shortestSecret)
  // As it is, and as a string inside JSON.
  const found = (text = '') =>
    secrets.find(([, secret]) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)))?.[0]
  const places: [string, string | undefined][] = [
    ...Object.entries(metadata.annotations ?? {}).map(([key, text]): [string, string] => ['metadata.annotations', `${key} ${text}`]),
    ...Object.entries(metadata.labels ?? {}).map(([key, text]): [string, string] => ['metadata.labels', `${key} ${text}`]),
    ['spec.description', (spec as Credential['spec']).description],
  ]
  return places.flatMap(([field, text]) => {
    const secret = found(text)
    return secret === undefined ? [] : [forbidden(field, `holds the secret of spec.data.${secret} in clear; take it out`)]
  })
}
