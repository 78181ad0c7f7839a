// The query parameters that all writes share.
import type { FastifyReply } from 'fastify'
import { ApiError } from '#shared/errors/api-error.ts'
import type { DeleteOptions, WriteOptions } from '#hub/resources/types.ts'

type Query = Record<string, string | string[] | undefined>

export function writeOptions(query: Query): WriteOptions & { warnings: string[] } {
  const { fieldValidation = 'Warn' } = query
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore')
    throw new ApiError('BadRequest', `fieldValidation must be Strict, Warn or Ignore, not ${String(fieldValidation).slice(0, 64)}`)
  return { dryRun: isDryRun(query.dryRun), fieldValidation, warnings: [] }
}

/** Kubernetes knows one value: All. A list of one comes from a DeleteOptions body. */
function isDryRun(value: unknown): boolean {
  const values = Array.isArray(value) ? value : value === undefined || value === '' ? [] : [value]
  for (const item of values) if (item !== 'All') throw new ApiError('BadRequest', `dryRun must be All, not ${String(item).slice(0, 64)}`)
  return values.length > 0
}

export function deleteOptions(query: Query, body: unknown): DeleteOptions {
  const given = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  if (given.kind !== undefined && given.kind !== 'DeleteOptions')
    throw new ApiError('BadRequest', 'the body of a delete must be DeleteOptions')
  const policy = given.propagationPolicy ?? query.propagationPolicy
  if (policy !== undefined && policy !== 'Foreground' && policy !== 'Background' && policy !== 'Orphan')
    throw new ApiError('BadRequest', 'propagationPolicy must be Foreground, Background or Orphan')
  const { uid, resourceVersion } = (given.preconditions ?? {}) as { uid?: unknown; resourceVersion?: unknown }
  if ((uid !== undefined && typeof uid !== 'string') || (resourceVersion !== undefined && typeof resourceVersion !== 'string'))
    throw new ApiError('BadRequest', 'preconditions.uid and preconditions.resourceVersion must be strings')
  return {
    dryRun: isDryRun(query.dryRun) || isDryRun(given.dryRun),
    propagationPolicy: policy,
    ...((uid || resourceVersion) && { preconditions: { uid: uid as string, resourceVersion: resourceVersion as string } }),
  }
}

/** RFC 7234 warn-code 299, as kubectl prints them. Header values are ASCII here. */
export function setWarnings(reply: FastifyReply, warnings: readonly string[]): void {
  if (warnings.length === 0) return
  const shown = warnings.slice(0, 20).map(
    (text) =>
      `299 - "${text
        .replace(/[^\x20-\x7e]/g, '?')
        .replace(/[\\"]/g, '\\$&')
        .slice(0, 256)}"`,
  )
  reply.header('warning', shown)
}
