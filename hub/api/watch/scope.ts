// What a user who may see one cluster only is told of changes: an object that leaves the cluster is DELETED for that user.
import type { Resource } from '#shared/contract/meta.ts'
import type { WatchEvent } from '#hub/resources/types.ts'

export function createScope(isVisible: ((object: Resource) => boolean) | undefined): (event: WatchEvent) => WatchEvent | undefined {
  if (!isVisible) return (event) => event
  const shown = new Map<string, Resource>()
  return (event) => {
    const { name, resourceVersion } = event.object.metadata
    const last = shown.get(name)
    if (event.type !== 'DELETED' && isVisible(event.object)) {
      shown.set(name, event.object)
      return event
    }
    shown.delete(name)
    // As it was when it was last shown: what it has become is not for this user.
    if (last) return { type: 'DELETED', object: { ...last, metadata: { ...last.metadata, resourceVersion } } }
    return event.type === 'DELETED' && isVisible(event.object) ? event : undefined
  }
}
