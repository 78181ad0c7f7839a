// From the input of the action to what the checks ask about. Wrong CIDRs are the caller's mistake and refused here.
import Value from 'typebox/value'
import { PreflightInput } from '#shared/contract/actions.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { parseAddress } from '#shared/net/address.ts'
import { formatCidr, hasHostBits, parseCidr } from '#shared/net/cidr.ts'
import type { Target } from './types.ts'
import { ruleMinorOf } from './versions.ts'

const defaultVersion = '1.31'

/** Throws an OperatorError (PreflightInputInvalid) that names the field. */
export function targetOf(raw: PreflightInput): Target {
  if (!Value.Check(PreflightInput, raw)) {
    const [first] = Value.Errors(PreflightInput, raw)
    throw invalid(`the input does not fit${first?.instancePath ? ` at ${first.instancePath}` : ''}: ${first?.message ?? 'unknown field'}`)
  }
  for (const field of ['clusterCIDRs', 'serviceCIDRs', 'joinCIDRs'] as const) for (const text of raw[field] ?? []) checkCidr(field, text)
  if (raw.advertiseAddress !== undefined && !parseAddress(raw.advertiseAddress))
    throw invalid(`advertiseAddress ${raw.advertiseAddress} is no IP address`)
  const version = (raw.kubernetesVersion ?? defaultVersion).replace(/^v/, '')
  const minor = Number(version.split('.')[1])
  return {
    role: raw.role ?? 'controlPlane',
    version,
    minor,
    ruleMinor: ruleMinorOf(minor),
    clusterCIDRs: raw.clusterCIDRs ?? [],
    serviceCIDRs: raw.serviceCIDRs ?? [],
    joinCIDRs: raw.joinCIDRs ?? [],
    plugin: raw.plugin,
    input: raw,
  }
}

function checkCidr(field: string, text: string): void {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw invalid(`${field}: ${text} is no CIDR`)
  if (hasHostBits(text)) throw invalid(`${field}: ${text} has bits behind its prefix; its network is ${formatCidr(cidr)}`)
}

function invalid(message: string): OperatorError {
  return new OperatorError('PreflightInputInvalid', message, 'Correct the value and run the preflight again.')
}
