import { Link } from 'react-router'
import { Nothing, PageFrame } from '../components/page.tsx'

export function NotFoundPage() {
  return (
    <PageFrame title="No such page">
      <Nothing title="There is nothing at this address" action={<Link to="/">To the overview</Link>}>
        The link may be old, or the object it led to was deleted.
      </Nothing>
    </PageFrame>
  )
}
