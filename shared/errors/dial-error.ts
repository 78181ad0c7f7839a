// Every way in which the hub cannot reach what it dials itself: an imported cluster, the SSH server of a machine, the proxy before them.

export interface DialErrorEntry {
  isRetryable: boolean
  summary: string
  /** What to do next. */
  next: string
}

export const dialErrorCatalogue = {
  NameNotFound: {
    isRetryable: true,
    summary: 'The hub cannot resolve the host name.',
    next: 'Check the name and the resolvers of the hub, or give a proxy, which resolves the name itself.',
  },
  AddressForbidden: {
    isRetryable: false,
    summary: 'The address is link-local, multicast or one of a cloud’s metadata services, which the hub never dials.',
    next: 'Give the address under which the server is reached on its network.',
  },
  Unreachable: {
    isRetryable: true,
    summary: 'No TCP connection from the hub.',
    next: 'Check address and port, that the server runs, and that firewalls let the hub through; or give a proxy.',
  },
  DialTimeout: {
    isRetryable: true,
    summary: 'The connection was not there in time.',
    next: 'Look for a firewall that drops packets from the hub to the host and port in the message.',
  },
  ProxyUnreachable: {
    isRetryable: true,
    summary: 'No TCP connection from the hub to the proxy.',
    next: 'Check host and port of the proxy.',
  },
  ProxyAuthenticationFailed: {
    isRetryable: false,
    summary: 'The proxy does not accept the user name and password, or wants some.',
    next: 'Correct the Credential of type Password that the proxy names.',
  },
  ProxyRefused: {
    isRetryable: true,
    summary: 'The proxy refuses or fails to connect to the server.',
    next: 'Allow host and port of the server on the proxy, and check that the proxy reaches it.',
  },
  ProxyProtocol: {
    isRetryable: false,
    summary: 'What answers is no proxy of the given kind.',
    next: 'Write socks5:// for a SOCKS5 proxy and http:// for an HTTP CONNECT proxy.',
  },
  TlsUntrusted: {
    isRetryable: false,
    summary: 'The server’s certificate was not signed by the given CA.',
    next: 'Give the CA of this server; something that opens TLS on the way must let this connection through unopened.',
  },
  TlsWrongName: {
    isRetryable: false,
    summary: 'The server’s certificate is for other names or addresses.',
    next: 'Use one of the names in the message as address, or set tls-server-name in the kubeconfig.',
  },
  TlsExpired: {
    isRetryable: false,
    summary: 'The server’s certificate has expired or is not valid yet.',
    next: 'Renew it on the server; check the clocks of server and hub.',
  },
  TlsFailed: {
    isRetryable: true,
    summary: 'The TLS handshake failed.',
    next: 'Check that the port speaks TLS 1.2 or newer, and that the client certificate is one of this server.',
  },
} as const satisfies Record<string, DialErrorEntry>

export type DialErrorCode = keyof typeof dialErrorCatalogue

export class DialError extends Error {
  readonly code: DialErrorCode
  constructor(code: DialErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'DialError'
    this.code = code
  }
  get isRetryable(): boolean {
    return dialErrorCatalogue[this.code].isRetryable
  }
  get next(): string {
    return dialErrorCatalogue[this.code].next
  }
}
