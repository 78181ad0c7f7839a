// Which addresses the hub dials for its users, and which never (F-38): what is only there for the hub's own host, a cloud's metadata
// service above all, hands out credentials to whoever asks.
import { type Address, isLinkLocal, isMulticast, isUnspecified, parseAddress } from '#shared/net/address.ts'
import { isMetadataService, plainAddress } from '#shared/net/special-addresses.ts'

/** @param text an IP address */
export function isForbiddenAddress(text: string): boolean {
  const address = parseAddress(text)
  return address === undefined || [address, plainAddress(address)].some(isForbidden)
}

function isForbidden(address: Address): boolean {
  return isLinkLocal(address) || isMulticast(address) || isUnspecified(address) || isMetadataService(address)
}

/**
 * The address that a text stands for in any spelling a resolver takes (0xa9fea9fe, 2852039166, 169.254.43518, [::1]); undefined for a
 * name. WHATWG URL knows them all.
 */
export function addressIn(host: string): string | undefined {
  const bare = host.replace(/^\[|\]$/g, '')
  if (parseAddress(bare)) return bare.split('%')[0]
  const url = `http://${host}/`
  const hostname = URL.canParse(url) ? new URL(url).hostname : ''
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? hostname : undefined
}
