// Every error of the agent's way to its hub: connecting, enrolling, its own configuration. docs/errors.md is generated from it,
// like from catalogue.ts; these never leave through the API, so they have no HTTP status.

export interface AgentErrorEntry {
  isRetryable: boolean
  summary: string
  /** What to do next. */
  next: string
}

export const agentErrorCatalogue = {
  // dialling
  NameNotFound: {
    isRetryable: true,
    summary: 'The host name could not be resolved on this machine.',
    next: 'Check the name and the resolvers of this machine, or use a proxy, which resolves the name itself.',
  },
  HubUnreachable: {
    isRetryable: true,
    summary: 'No TCP connection to the hub.',
    next: 'Open the hub’s port for outbound connections on the firewall, or set MOORLINE_PROXY.',
  },
  DialTimeout: {
    isRetryable: true,
    summary: 'The connection was not there in time.',
    next: 'Look for a firewall that drops packets to the named host and port.',
  },
  ProxyUnreachable: {
    isRetryable: true,
    summary: 'No TCP connection to the proxy.',
    next: 'Check host and port in MOORLINE_PROXY.',
  },
  ProxyAuthenticationFailed: {
    isRetryable: true,
    summary: 'The proxy did not accept the user name and password.',
    next: 'Correct the credentials in MOORLINE_PROXY (percent-encode special characters).',
  },
  ProxyRefused: {
    isRetryable: true,
    summary: 'The proxy refuses to connect to the hub.',
    next: 'Allow the hub’s host and port on the proxy.',
  },
  ProxyProtocol: {
    isRetryable: true,
    summary: 'What answered is not a proxy of the configured kind.',
    next: 'Use socks5:// for a SOCKS5 proxy and http:// for an HTTP CONNECT proxy.',
  },
  // trust
  HubNotTrusted: {
    isRetryable: true,
    summary: 'The server does not prove that it is the pinned hub.',
    next: 'Compare the pins with those that the hub shows; something that opens TLS on the way must let this connection through unopened.',
  },
  ClockWrong: {
    isRetryable: true,
    summary: 'By this machine’s clock the hub’s certificate is not valid now.',
    next: 'Set the clock of this machine (NTP), then try again.',
  },
  IdentityRefused: {
    isRetryable: true,
    summary: 'The hub does not accept this machine’s identity.',
    next: 'Look at the Machine’s conditions on the hub; enrol again with a new join token when it was revoked or deleted.',
  },
  HubClosed: {
    isRetryable: true,
    summary: 'The hub closed the connection right after the TLS handshake, or while it was in use.',
    next: 'It comes back by itself when the hub restarts. If it stays, look at the Machine’s conditions: a hub closes without a word what it does not accept.',
  },
  // enrolment
  EnrollmentDenied: {
    isRetryable: false,
    summary: 'The hub denied the request to join.',
    next: 'Ask the operator of the hub; a new join token starts a new request.',
  },
  EnrollmentRefused: {
    isRetryable: false,
    summary: 'The hub does not accept the join token.',
    next: 'Create a new JoinToken on the hub: this one is used up, expired, revoked or for other machines.',
  },
  FingerprintMismatch: {
    isRetryable: false,
    summary: 'The hub answered about another key than this machine’s.',
    next: 'Do not approve the request; something between this machine and the hub changes messages.',
  },
  NotEnrolled: {
    isRetryable: false,
    summary: 'This machine has no identity.',
    next: 'Run `moorline-agent enroll` with the command that the hub shows for a join token.',
  },
  IdentityDamaged: {
    isRetryable: false,
    summary: 'A file of the identity is missing or damaged.',
    next: 'Restore the state directory from a backup, or move it away and enrol again.',
  },
  // an agent that runs as a pod
  IdentitySecretUnavailable: {
    isRetryable: true,
    summary: 'The Secret of the cluster that keeps the agent’s identity cannot be read or written.',
    next: 'Apply the manifest of the cluster’s registration again: it makes the Secret and the rights to it. When the API server is away, the agent tries again by itself.',
  },
  IdentityInUse: {
    isRetryable: true,
    summary: 'Another agent has written the Secret that keeps the identity.',
    next: 'Nothing, when a pod has just taken the place of another. Otherwise see that one agent only uses the Secret: the Deployment has one replica.',
  },
  // configuration
  ConfigInvalid: {
    isRetryable: false,
    summary: 'A setting has a value that is not allowed.',
    next: 'Correct the setting that the message names.',
  },
  PolicyInvalid: {
    isRetryable: false,
    summary: 'The machine’s policy file cannot be used.',
    next: 'Correct the field that the message names; the agent does not start with a policy it cannot read.',
  },
  AgentRunning: {
    isRetryable: true,
    summary: 'Another agent process uses this state directory.',
    next: 'Stop it first: systemctl stop moorline-agent.',
  },
  // state of the agent's tasks
  JournalDamaged: {
    isRetryable: false,
    summary: 'The journal of orders and events is damaged; nothing in it was changed or deleted.',
    next: 'Stop the agent, move the journal’s files to another directory and keep them, start the agent again.',
  },
  JournalTooNew: {
    isRetryable: false,
    summary: 'The journal was written by a newer agent.',
    next: 'Start the agent version that wrote it, or a newer one.',
  },
  JournalInUse: {
    isRetryable: false,
    summary: 'Another process has the journal open.',
    next: 'Only one agent may run with a state directory: stop the other one.',
  },
  JournalUnwritable: {
    isRetryable: false,
    summary: 'The journal cannot be opened for writing.',
    next: 'Free space, check its owner and that the file system is not read-only, then start the agent again.',
  },
  UndoDamaged: {
    isRetryable: false,
    summary: 'A file of the undo journal is damaged; the others are not touched by it.',
    next: 'Restore it from a backup of the state directory, or move it elsewhere and put back by hand what it was about.',
  },
} as const satisfies Record<string, AgentErrorEntry>

export type AgentErrorCode = keyof typeof agentErrorCatalogue
