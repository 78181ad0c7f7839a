import { Link, useParams } from 'react-router'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { Registration } from '../components/registration.tsx'
import { useObject } from '../data/hooks.ts'

export function RegisterPage() {
  const { name = '' } = useParams()
  const { object: cluster, isMissing, failure } = useObject('clusters', name)
  const parent = [name, `/clusters/${encodeURIComponent(name)}`] as const
  return (
    <PageFrame title={`Register ${name}`} parent={parent} description="An agent in the cluster dials out to this hub; no port is opened.">
      {failure ? (
        <Failed what="The cluster cannot be shown" failure={failure} />
      ) : isMissing ? (
        <Nothing title="There is no cluster of this name" action={<Link to="/create-cluster">Create a cluster</Link>}>
          It may have been deleted.
        </Nothing>
      ) : !cluster ? (
        <Loading what="the cluster" />
      ) : cluster.spec.type !== 'Registered' ? (
        <Nothing title="This cluster is not registered but imported" action={<Link to={parent[1]}>To the cluster</Link>}>
          The hub dials it itself, with a credential; it needs no agent.
        </Nothing>
      ) : (
        <Registration name={name} cluster={cluster} />
      )}
    </PageFrame>
  )
}
