// What an address leads to that is more than it looks like: IPv4 inside IPv6, and services that hand out credentials to whoever asks.
// Pure. Used wherever a name from outside decides where to connect (F-38).
import { type Address, parseAddress } from './address.ts'

/** The first 96 bits: mapped (RFC 4291 section 2.5.5.2), compatible (2.5.5.1), translated (RFC 2765, RFC 6052, RFC 8215). */
const embeddings: readonly bigint[] = [0xffffn, 0n, 0xffff_0000n, 0x64_ff9b_0000_0000_0000_0000n, 0x64_ff9b_0001_0000_0000_0000n]
/** 6to4 (RFC 3056) has it behind the first 16 bits. */
const sixToFour = 0x2002n

/** The IPv4 address inside an IPv6 one, or the address itself. */
export function plainAddress(address: Address): Address {
  const { family, value } = address
  // The last two are addresses of IPv6 themselves: unspecified and loopback.
  if (family === 4 || value <= 1n) return address
  if (value >> 112n === sixToFour) return { family: 4, value: (value >> 80n) & 0xffff_ffffn }
  return embeddings.includes(value >> 32n) ? { family: 4, value: value & 0xffff_ffffn } : address
}

/** Beside 169.254.169.254, which is link-local: AWS and Google over IPv6, Alibaba, Azure, Oracle. */
const metadataServices: readonly (Address | undefined)[] = [
  ...['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16', '192.0.0.192'].map(parseAddress),
]

export const isMetadataService = ({ family, value }: Address): boolean =>
  metadataServices.some((service) => service?.family === family && service.value === value)
