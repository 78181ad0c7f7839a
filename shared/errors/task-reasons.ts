// Every reason that a Task's status or conditions can carry, in one table. Reasons that a preflight row or a machine's own policy adds are theirs.

export interface TaskReason {
  summary: string
  /** What to do next. */
  next: string
}

const raise = 'Raise spec.attempt to run it again.'
const byItself = 'Nothing: the hub goes on by itself, until the deadline in the message.'

/** Of a task that has ended: status.reason, and the reason of Finished. */
export const taskEndReasons = {
  // by the hub
  Canceled: { summary: 'spec.cancel was set.', next: raise },
  DeadlineExceeded: {
    summary: 'The deadline passed before it could be sent.',
    next: 'Look at why the machine was not connected, then raise spec.attempt with a later deadline.',
  },
  AgentUnreachable: {
    summary: 'It was sent, but the deadline passed without a result.',
    next: 'See the Machine’s Connected condition. What the machine did is in its own journal; make sure before you raise spec.attempt.',
  },
  MachineNotFound: { summary: 'The machine does not exist any more.', next: 'Create a task for a machine that exists.' },
  MachineRevoked: { summary: 'The identity of the machine was revoked.', next: 'Enrol the machine anew, then create a new task.' },
  MachineReplaced: {
    summary: 'The machine was enrolled anew after the task was made.',
    next: 'Create a new task: the new identity has none of the old one’s tasks.',
  },
  // of install-agent, which the hub performs over SSH
  CredentialUnusable: {
    summary:
      'The Credential of spec.ssh or of its proxy is missing, of another type, bound to another cluster, or was sealed with another key.',
    next: `Correct it, or name another one in the Machine. ${raise}`,
  },
  KeyUnreadable: { summary: 'The private key is in no form that is understood.', next: 'Give an OpenSSH or PEM private key.' },
  PassphraseWrong: {
    summary: 'The private key does not open with the passphrase of the Credential.',
    next: `Correct data.passphrase. ${raise}`,
  },
  SshUnreachable: {
    summary: 'No connection to the SSH server, or to its proxy, came about.',
    next: `Check host, port, proxy and firewall from where the hub runs. ${raise}`,
  },
  SshHandshakeFailed: { summary: 'What answers there does not speak SSH as it should.', next: 'Check host and port.' },
  AlgorithmsTooOld: {
    summary: 'Hub and server have no algorithm in common that is still safe.',
    next: 'Update the SSH server, or run the install command on the machine.',
  },
  HostKeyChanged: {
    summary: 'The SSH server shows another host key than the one remembered. Nothing secret was sent.',
    next: 'Compare the key with what the machine itself shows. If it is right, accept it as the message says; if not, somebody stands in between.',
  },
  LoginRefused: {
    summary: 'The server takes neither key nor password of the Credential for this user.',
    next: `Correct user or Credential. ${raise}`,
  },
  SudoRefused: {
    summary: 'The user is not root and cannot become root with sudo.',
    next: `Give the user sudo rights, or the Credential the password that sudo asks for. ${raise}`,
  },
  MachineUnsuitable: { summary: 'The agent cannot run there: system, processor, systemd or a program.', next: 'See the message.' },
  NoAgentBinary: { summary: 'The hub has no agent for the machine’s processor.', next: 'Run `npm run build` beside the hub.' },
  NoSpaceOnMachine: {
    summary: 'There is not enough space for the agent on the machine.',
    next: `Free space where the message says. ${raise}`,
  },
  UploadFailed: { summary: 'A file could not be written on the machine, or arrived damaged.', next: `See the message. ${raise}` },
  AgentPresent: {
    summary: 'There is an agent already, of this hub or another one. It was not touched.',
    next: 'Run `sh install.sh --uninstall` there if it is to be replaced; a Machine that had an identity is deleted and added again.',
  },
  InstallFailed: { summary: 'install.sh failed; what it had done was undone.', next: `Read the task’s log. ${raise}` },
  AgentNotConnected: {
    summary: 'The agent was installed but did not connect in time; it was removed again.',
    next: `Check that the machine reaches the hub’s address, and its clock. ${raise}`,
  },
  ConnectionLost: { summary: 'The SSH connection broke; what was begun was undone.', next: raise },
  CommandRefused: { summary: 'The server does not start commands for this user.', next: 'Use a user with a shell.' },
  CommandKilled: { summary: 'A command was ended on the machine by a signal.', next: `See the machine’s log. ${raise}` },
  StepTimedOut: { summary: 'One step took too long; what was begun was undone.', next: `See the task’s log for where it stood. ${raise}` },
  UndoFailed: {
    summary: 'What an attempt had begun on the machine could not be removed.',
    next: `The message says why. ${raise} It is looked for first.`,
  },
  // refused by the agent
  Refused: { summary: 'The agent refused it without a usable reason.', next: 'Look at the agent’s log.' },
  OrderTooLarge: { summary: 'The order is larger than the agent accepts.', next: 'Send less input.' },
  BadSignature: {
    summary: 'The signature of the order does not fit: something changed it, or signed it with another key.',
    next: 'Look for something between hub and agent that changes messages.',
  },
  BadOrder: { summary: 'The order cannot be read by this agent.', next: 'Update the agent.' },
  WrongAgent: { summary: 'The order was made for another agent.', next: 'Look for something between hub and agent that moves messages.' },
  OldAttempt: {
    summary: 'The agent has a later attempt already: the hub was put back to an older state.',
    next: 'Raise spec.attempt above the one in the message.',
  },
  UnknownAction: { summary: 'The agent does not know this action.', next: 'Update the agent.' },
  InvalidInput: { summary: 'The input does not fit the action.', next: 'Correct the field in the message and create a new task.' },
  ActionNotAllowed: {
    summary: 'The machine’s policy does not allow this action.',
    next: 'Allow it in the policy file on the machine, if you mean to.',
  },
  CommandNotAllowed: {
    summary: 'The machine’s policy does not allow this command.',
    next: 'Allow it in the policy file on the machine, if you mean to.',
  },
  PathNotAllowed: {
    summary: 'The path is not allowed by the machine’s policy, or is no plain absolute path.',
    next: 'Name the real path; allow it in the policy file on the machine, if you mean to.',
  },
  // while it ran
  TimedOut: { summary: 'spec.timeoutSeconds was over.', next: `Give it more time. ${raise}` },
  Interrupted: {
    summary: 'The agent was restarted while it ran, so it is not known how far it got. It was not run again.',
    next: `Look at the log and the machine. ${raise}`,
  },
  Aborted: { summary: 'It was ended from outside.', next: raise },
  NonZeroExit: { summary: 'The program ended with an exit code other than 0.', next: 'Read the task’s log.' },
  KilledBySignal: {
    summary: 'The program was ended by a signal.',
    next: 'SIGKILL without a cancel is often the kernel out of memory: see its log.',
  },
  CommandNotFound: { summary: 'The program or its working directory does not exist.', next: 'Install it, or name its full path.' },
  CommandNotStarted: {
    summary: 'The program could not be started.',
    next: 'See the message: permissions, or arguments that are too long.',
  },
  ParentMissing: { summary: 'The directory of the file does not exist.', next: 'Create it first.' },
  NotARegularFile: { summary: 'The path is a link, a directory or a special file.', next: 'Name a regular file.' },
  FileTooLarge: { summary: 'The file that is there is too large to keep for undo.', next: 'Move it away by hand.' },
  UnknownOwner: { summary: 'The machine has no such user or group.', next: 'Create it first, or use the number.' },
  DiskFull: { summary: 'The file system is full; the file is as it was.', next: `Free space. ${raise}` },
  ReadOnlyFilesystem: { summary: 'The file system is read-only; the file is as it was.', next: `Mount it writable. ${raise}` },
  WriteFailed: { summary: 'The file could not be written and is as it was.', next: 'See the message.' },
  VerifyFailed: { summary: 'The file was written but reads back differently.', next: 'Find the other program that changes it.' },
  ResultTooLarge: { summary: 'The result is over its limit.', next: 'Ask for less at once.' },
  ResultRejected: { summary: 'The hub could not take the result.', next: 'See the message and the agent’s log.' },
  ActionFailed: { summary: 'The action failed in a way it has no name for.', next: 'Read the message and the task’s log.' },
  AgentError: { summary: 'The agent itself failed.', next: 'Read the agent’s log and report it.' },
} as const satisfies Record<string, TaskReason>

/** Of a task that has not ended: the reason of Waiting. */
export const taskWaitReasons = {
  Queued: { summary: 'The attempt is about to be sent or begun.', next: byItself },
  QueuedInHub: { summary: 'The hub performs others first.', next: byItself },
  Undoing: { summary: 'It has to end; the hub undoes what it began.', next: byItself },
  Sending: { summary: 'It is being sent.', next: byItself },
  NoAnswer: { summary: 'The agent did not answer in time.', next: byItself },
  BadAnswer: { summary: 'The agent answered about another task.', next: 'Look at the agent’s log.' },
  JournalUnavailable: { summary: 'The agent cannot write its journal.', next: 'Free space on the machine; it is sent again by itself.' },
  Expired: { summary: 'The order was too old when it arrived; it is signed anew.', next: byItself },
  UnknownSigningKey: { summary: 'The agent does not know the hub’s newest key yet.', next: byItself },
  Replayed: { summary: 'The agent has seen this order’s nonce; it is signed anew.', next: byItself },
  AgentDisconnected: { summary: 'The machine’s agent is not connected.', next: 'See the Machine’s Connected condition.' },
  MachineNotEnrolled: { summary: 'The machine has no identity yet.', next: 'Approve it, or run the install command on it.' },
  MachineDenied: { summary: 'The machine was denied.', next: 'Set spec.approved of the Machine to true, or delete the task.' },
  QueuedOnMachine: { summary: 'The machine has it but runs something else first.', next: byItself },
  Running: { summary: 'The machine, or the hub itself, performs it.', next: byItself },
  ResultOverdue: { summary: 'The agent is connected but its result should be here.', next: 'Look at the agent’s log on the machine.' },
  Stopping: { summary: 'The agent was asked to end it.', next: byItself },
} as const satisfies Record<string, TaskReason>
