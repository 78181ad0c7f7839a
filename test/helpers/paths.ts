import { join } from 'node:path'
import { repositoryRoot } from '#scripts/dev/root.ts'

export { repositoryRoot }
export const inRepository = (...parts: string[]): string => join(repositoryRoot, ...parts)
