// One sentence for every word that is not obvious. Shown by the question marks; the manual uses the same sentences.
export const terms = {
  Phase:
    'Where the machine stands: Pending asks for an identity, Connected answers on every plane, Disconnected has missed its heartbeats.',
  Fingerprint:
    'A hash of the key that was made on the machine and never leaves it; the agent prints the same one, so comparing the two proves that this request comes from that machine.',
  Plane:
    'A path between agent and hub that is tested by itself with a real echo; a machine counts as connected only when every plane in use answers.',
  'Round trip': 'Time for an echo from the agent to the hub and back over this plane.',
  Preflight:
    'Read-only checks that tell whether Kubernetes can be installed on the machine; a check that could not run is unknown, never passed.',
  Severity: 'Error stops an installation, warning should be understood first, info is for the record.',
  Outcome: 'What the check found: pass, fail, skipped because it does not apply, or unknown because it could not be carried out.',
  Condition: 'One statement about the object that is True, False or Unknown, with the reason and the time it last changed.',
  Certificate: 'The agent’s identity: valid for seven days and renewed by the agent itself after about five.',
  Role: 'What the machine is meant for in its cluster: control plane or worker.',
  'Join token': 'The right to ask for an identity: it expires, counts its uses and can be withdrawn; by itself it gives no access.',
  Uses: 'How many machines may ask with this token.',
  Approval:
    'Manual: a person compares the fingerprint before the machine gets its identity. Automatic: whoever holds the token and matches its limits is let in.',
  Registered:
    'A cluster that already exists and in which an agent runs; the agent dials out to the hub, so that the cluster may stand behind a firewall.',
  Imported: 'A cluster that already exists and whose API server the hub dials itself, with a credential that you give.',
  Kubeconfig:
    'The file that kubectl uses: addresses of clusters, their CAs, and credentials. The hub keeps it sealed and never shows it again.',
  Credential:
    'A secret that the hub uses on your behalf. It is sealed before it is stored; pages and API show which fields are set, never what is in them.',
  'Credential fingerprint': 'Changes when the secret does, and tells nothing about it.',
  'kube-system UID':
    'The identity of the namespace kube-system: it tells this cluster from any other, so another one at the same address is noticed.',
  'Last read': 'When the hub last read version, nodes, capacity and components through the cluster’s own API.',
  Capacity: 'Sum over the nodes; allocatable is what is left for pods after the share of the system.',
  'Host key': 'Identifies the SSH server. The hub remembers it at the first connection and refuses any other from then on.',
  'Allowed actions': 'What the machine’s own policy file permits; the hub cannot widen it.',
  'Machine fingerprint': 'A hash of stable hardware facts that tells a cloned disk from the machine it was copied from.',
  Delivered: 'The agent has written the task to its journal: it will run even if the connection is lost now.',
  Attempt: 'A finished task can be run again under the same name; each run is an attempt.',
  'Dropped events': 'Lines of the log that did not fit into the agent’s journal while it was offline; results are never dropped.',
  'Access token': 'A bearer credential for kubectl, scripts or this page; the hub keeps only its hash.',
  'Agent id': 'The random identity of this enrolment; it is never used again, not even for the same machine.',
} as const
export type Term = keyof typeof terms
