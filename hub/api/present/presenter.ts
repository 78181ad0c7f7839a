// What of an object leaves the hub: decorated with what memory knows, without what is secret, and its JSON text, made once per
// object and reused for every list and every watcher.
import type { Resource } from '#shared/contract/meta.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Store } from '#hub/store/types.ts'

export interface Presenter {
  object(stored: Resource): Resource
  text(stored: Resource): string
}

export function createPresenter(resources: Resources, store: Store, decorate: (object: Resource) => Resource): Presenter {
  const redacted = new WeakMap<Resource, Resource>()
  const texts = new WeakMap<Resource, string>()

  function present(stored: Resource): Resource {
    const shown = decorate(stored)
    const redact = resources.definition(stored.kind)?.redact
    if (!redact) return shown
    const known = redacted.get(shown)
    if (known) return known
    const result = redact(shown)
    redacted.set(shown, result)
    return result
  }

  return {
    object: present,
    text(stored) {
      const shown = present(stored)
      if (shown === stored) return store.json(stored)
      const known = texts.get(shown)
      if (known !== undefined) return known
      const text = JSON.stringify(shown)
      texts.set(shown, text)
      return text
    },
  }
}
