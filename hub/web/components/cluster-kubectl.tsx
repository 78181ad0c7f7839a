// How to use kubectl on a cluster through this hub.
import { Button } from '@patternfly/react-core'
import type { Cluster } from '#shared/contract/cluster.ts'
import { apiPath } from '../api/kinds.ts'
import { wasRead } from '../derive/cluster.ts'
import { useRole } from '../data/session.ts'
import { CopyCommand } from './copy-command.tsx'
import { Nothing } from './page.tsx'

const rights: Readonly<Record<string, string>> = { viewer: 'view', operator: 'edit', admin: 'cluster-admin' }

export function ClusterKubectl({ cluster }: { cluster: Cluster }) {
  const { name } = cluster.metadata
  const { role } = useRole()
  if (!wasRead(cluster))
    return (
      <Nothing isSmall title="kubectl works when the hub reaches the cluster">
        The conditions say what it waits for.
      </Nothing>
    )
  const file = `${name}.kubeconfig`
  return (
    <section className="m-stack" aria-label="Use kubectl">
      <ol className="m-numbered">
        <li>
          <p>
            Download the kubeconfig. It names this hub’s address and its CA, so kubectl needs to reach the hub only; the cluster may stand
            behind a firewall.
          </p>
          <Button variant="secondary" component="a" href={apiPath('clusters', name, 'kubeconfig')} download={file}>
            Download {file}
          </Button>
        </li>
        <li>
          <p>Use it where you have saved it:</p>
          <CopyCommand command={`kubectl --kubeconfig ${file} get nodes`} label="kubectl command" />
        </li>
      </ol>
      <p className="m-dim">
        {rights[role]
          ? `With the role ${role} you act in the cluster as one who is bound to ${rights[role]}. `
          : 'What you may do in the cluster follows your role here: viewer is bound to view, operator to edit, admin to cluster-admin. '}
        A role that is limited to one cluster counts for that cluster. Every request is in the hub’s audit log with your name.
      </p>
    </section>
  )
}
