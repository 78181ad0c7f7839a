// What an overlay's upper folder holds: path → kind, mode and content. Folders count only where the lower tree has none.
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Written by sshd, login and the shell themselves. */
const ignored = /^\/(var\/log|var\/lib\/sudo|run|proc|dev|root\/\.|home\/[a-z]+$|etc\/ssh\/test_)/

export function treeOf(upper: string): Map<string, string> {
  const found = new Map<string, string>()
  const walk = (path: string) => {
    for (const name of readdirSync(join(upper, path))) {
      const inside = `${path}/${name}`
      if (ignored.test(inside)) continue
      const full = join(upper, inside)
      const stat = lstatSync(full)
      const mode = (stat.mode & 0o7777).toString(8)
      if (stat.isDirectory()) {
        if (!existsSync(inside)) found.set(inside, `folder ${mode}`)
        walk(inside)
      } else if (stat.isFile()) found.set(inside, `file ${mode} ${createHash('sha256').update(readFileSync(full)).digest('hex')}`)
      else if (stat.isSymbolicLink()) found.set(inside, `link ${readlinkSync(full)}`)
      // What is removed from the lower tree is a character device 0,0 in the upper one.
      else if (existsSync(inside)) found.set(inside, 'removed')
    }
  }
  walk('')
  return found
}

/** Paths that are in one only, or differ. */
export function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const paths = new Set([...before.keys(), ...after.keys()])
  return [...paths]
    .filter((path) => before.get(path) !== after.get(path))
    .sort()
    .map((path) => `${path}: ${before.get(path) ?? 'nothing'} → ${after.get(path) ?? 'nothing'}`)
}
