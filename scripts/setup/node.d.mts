/** npm's own entry file, so that any Node can run it. Throws when npm is nowhere. */
export function findNpm(): string
export function pinnedNodeVersion(root: string): string
