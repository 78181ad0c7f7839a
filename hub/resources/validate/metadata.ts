// Rules of metadata that a schema cannot say.
import type { ObjectMeta } from '#shared/contract/meta.ts'
import type { FieldCause } from '../types.ts'
import { isLabelKey, isLabelValue, isName, labelKeyRule, labelValueRule, nameRule } from './grammar.ts'

const annotationBytes = 256 * 1024

export function checkMetadata(metadata: ObjectMeta): FieldCause[] {
  const causes: FieldCause[] = []
  if (metadata.namespace)
    causes.push({ field: 'metadata.namespace', reason: 'FieldValueForbidden', message: 'not allowed on this type: it is cluster-scoped' })
  if (metadata.name === undefined || metadata.name === '')
    causes.push({ field: 'metadata.name', reason: 'FieldValueRequired', message: 'name or generateName is required' })
  else if (!isName(metadata.name))
    causes.push({ field: 'metadata.name', reason: 'FieldValueInvalid', message: `${JSON.stringify(metadata.name)}: ${nameRule}` })
  causes.push(...checkLabels(metadata.labels, 'metadata.labels'))
  let bytes = 0
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
    if (!isLabelKey(key.toLowerCase()))
      causes.push({ field: 'metadata.annotations', reason: 'FieldValueInvalid', message: `${JSON.stringify(key)}: ${labelKeyRule}` })
  }
  if (bytes > annotationBytes)
    causes.push({ field: 'metadata.annotations', reason: 'FieldValueTooLong', message: `may not be more than ${annotationBytes} bytes` })
  for (const [index, finalizer] of (metadata.finalizers ?? []).entries())
    if (!isLabelKey(finalizer))
      causes.push({
        field: `metadata.finalizers[${index}]`,
        reason: 'FieldValueInvalid',
        message: `${JSON.stringify(finalizer)}: ${labelKeyRule}`,
      })
  return causes
}

export function checkLabels(labels: Readonly<Record<string, string>> | undefined, field: string): FieldCause[] {
  const causes: FieldCause[] = []
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (!isLabelKey(key)) causes.push({ field, reason: 'FieldValueInvalid', message: `${JSON.stringify(key)}: ${labelKeyRule}` })
    if (!isLabelValue(value))
      causes.push({ field: `${field}.${key}`, reason: 'FieldValueInvalid', message: `${JSON.stringify(value)}: ${labelValueRule}` })
  }
  return causes
}
