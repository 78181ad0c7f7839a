// Every error with which the hub, its commands, `npm start` or a command line refuse to go on, besides those of database-catalogue.ts
// and agent-catalogue.ts. The error itself names the file, flag or port and says the exact next step; this table says what is true of
// every one of its kind. docs/errors.md is generated from it, and a test compares it with the sources.

export interface OperatorErrorEntry {
  /** Who says it. */
  program: 'hub' | 'agent' | 'npm start'
  summary: string
  /** What to do next. */
  next: string
}

const hubOf = (summary: string, next: string): OperatorErrorEntry => ({ program: 'hub', summary, next })
const agentOf = (summary: string, next: string): OperatorErrorEntry => ({ program: 'agent', summary, next })
const startOf = (summary: string, next: string): OperatorErrorEntry => ({ program: 'npm start', summary, next })

export const operatorErrorCatalogue = {
  // the hub's command line
  UnknownCommand: hubOf('The hub has no command of this name.', 'Use one that the message lists.'),
  InvalidConfiguration: hubOf(
    'A flag or environment variable is unknown, has no value, or has one that is not allowed.',
    'Correct what the message names; `npm run hub -- --help` lists all flags with their variables.',
  ),
  // its start
  ListenFailed: hubOf(
    'The hub cannot listen on the configured address: the port is taken, or the address is not one of this host.',
    '`ss -ltnp` names the process that has the port; end it, or choose another address with --listen.',
  ),
  PkiDamaged: hubOf(
    'A file of DATA/pki is missing, damaged or does not fit the others. Nothing in it was changed.',
    'Restore DATA/pki from a backup. Only if no machine is enrolled yet, move it away: a new fleet CA is made and every machine has to enrol again.',
  ),
  CredentialKeyMissing: hubOf(
    'DATA/credentials.key is missing although there are Credentials that it has sealed.',
    'Restore it from a backup. Only if it is lost for good: `npm run hub -- new-credentials-key`, then write each Credential anew.',
  ),
  CredentialKeyDamaged: hubOf(
    'DATA/credentials.key cannot be read, or is not what the hub writes.',
    'Restore it from a backup, readable by the user of the hub.',
  ),
  CredentialKeyExists: hubOf(
    'new-credentials-key found a key; it never replaces one.',
    'Keep it: it opens the Credentials. Move it away first if it is the wrong one.',
  ),
  RotationTooSoon: hubOf(
    'The fleet CA was rotated less than the life of an agent certificate ago; a machine that has not renewed since would be locked out.',
    'Wait until the time in the message.',
  ),
  WebNameInvalid: hubOf('A name for the web certificate is no host name and no IP address.', 'Correct --names, --public-url or --listen.'),
  WebCertificateInvalid: hubOf(
    'The files of --tls-cert and --tls-key cannot be read or do not belong together.',
    'Give a PEM chain with the leaf first and its PEM key, both readable by the hub’s user.',
  ),
  ScriptValueInvalid: hubOf(
    'A value for the install command or script does not have its form, so that nothing is handed out.',
    'Correct what the message names, usually --public-url.',
  ),
  NatsServerMissing: hubOf(
    'The embedded NATS server cannot be started because its program is not there.',
    'Install nats-server (on Debian `apt-get install nats-server`), name it with --nats-server, or use your own with --nats-url.',
  ),
  NatsNotStarted: hubOf(
    'nats-server ended at once or did not become ready.',
    'Run the command in the message: nats-server says itself what it does not like.',
  ),
  NatsUrlInvalid: hubOf(
    'The value of --nats-url is not the address of a NATS server.',
    'Give nats://host:port or tls://host:port without credentials; the hub makes its own.',
  ),
  NatsKeysDamaged: hubOf(
    'DATA/nats/keys.json is missing or damaged.',
    'Restore it from a backup. Without one, move DATA/nats away: machines get new NATS credentials when they renew, within five days.',
  ),
  RevocationsDamaged: hubOf(
    'DATA/nats/revocations.json is damaged, so that it is not known who was revoked.',
    'Restore it from a backup. Without it, machines that were revoked in the last seven days could connect to NATS again.',
  ),
  // login-link
  NoAdminKubeconfig: hubOf(
    'DATA/admin.kubeconfig cannot be read, or is not what the hub writes.',
    'Run the command as the hub’s user with the hub’s --data; remove a damaged file and restart the hub, which writes a new one.',
  ),
  HubUnreachable: hubOf('The running hub does not answer the command.', 'Start the hub, or name its data directory with --data.'),
  LoginLinkRefused: hubOf(
    'The hub did not make a login link.',
    'Read the answer in the message; if its token was deleted, remove DATA/admin.kubeconfig and restart the hub.',
  ),
  // the agent's command line
  UsageInvalid: agentOf('A flag is unknown or has a value that is not allowed.', '`moorline-agent COMMAND --help` lists the flags.'),
  PreflightInputInvalid: agentOf('A value for preflight is not one that it can check against.', 'Correct what the message names.'),
  WorkerFailed: agentOf(
    'The short-lived process in which the agent runs preflight and facts ended without a result.',
    'Run the task again; `moorline-agent preflight` on the machine shows the same by hand.',
  ),
  Stopped: agentOf('SIGTERM or SIGINT ended the command.', 'Nothing: start it again when you want to go on.'),
  // npm start
  FlagUnknown: startOf('`npm start` does not have this flag.', '`npm start -- --help` lists the flags.'),
  ListenInvalid: startOf('--listen or MOORLINE_LISTEN is not HOST:PORT.', 'Give HOST:PORT, for example --listen 127.0.0.1:9443.'),
  PortTaken: startOf(
    'Another process listens on the port.',
    'End it, or choose another port with --listen; the message has both commands.',
  ),
  PortForbidden: startOf('This user may not listen on a port below 1024.', 'Choose a port above 1023.'),
  HubEnded: startOf(
    'The hub ended before it was ready; its last lines are in the message.',
    'Correct what they name; all of its log is in DATA/hub.log.',
  ),
  AgentEnded: startOf(
    'The agent ended before it was connected; its last lines are in the message.',
    'Correct what they name; all of its log is in DATA/agent.log.',
  ),
  EnrollFailed: startOf('The agent on this machine could not join.', 'Correct what the message names, then start again.'),
  ChildEnded: startOf(
    'The hub or the agent ended while it was in use.',
    'Correct what its last lines name, then start again; the state is kept.',
  ),
} as const satisfies Record<string, OperatorErrorEntry>
