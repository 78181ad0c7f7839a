// Makes an object together with the Credentials it needs; what was made for an object that is then refused is removed again.
import type { CredentialSpec } from '#shared/contract/credential.ts'
import { createObject, deleteObject } from '../api/client.ts'
import { type ApiFailure, asFailure } from '../api/failure.ts'
import { listOf } from './lists.ts'

/** Which of the writes was refused; its causes name fields of that object. */
export class RefusedPart<Part extends string> extends Error {
  readonly part: Part | 'object'
  readonly failure: ApiFailure
  /** Credentials that could not be removed again. */
  readonly left: readonly string[]
  constructor(part: Part | 'object', failure: ApiFailure, left: readonly string[]) {
    super(failure.message)
    this.name = 'RefusedPart'
    this.part = part
    this.failure = failure
    this.left = left
  }
}

export interface CredentialDraft<Part extends string> {
  part: Part
  /** A name is made from this. */
  generateName: string
  spec: CredentialSpec
}

/** @throws RefusedPart */
export async function createWithCredentials<Part extends string, T>(
  drafts: readonly CredentialDraft<Part>[],
  create: (names: Readonly<Partial<Record<Part, string>>>) => Promise<T>,
): Promise<T> {
  const made: string[] = []
  const names: Partial<Record<Part, string>> = {}
  let part: Part | 'object' = 'object'
  try {
    for (const draft of drafts) {
      part = draft.part
      const credential = await createObject('credentials', {
        metadata: { generateName: draft.generateName.slice(0, 200) },
        spec: draft.spec,
      })
      made.push(credential.metadata.name)
      names[draft.part] = credential.metadata.name
      listOf('credentials').put(credential)
    }
    part = 'object'
    return await create(names)
  } catch (error) {
    const left: string[] = []
    for (const name of made)
      await deleteObject('credentials', name).catch(() => {
        // Said to the person, who can delete it on its page.
        left.push(name)
      })
    throw new RefusedPart(part, asFailure(error), left)
  }
}
