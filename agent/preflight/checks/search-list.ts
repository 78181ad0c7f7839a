import { podResolvers } from '../resolvers.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

/** The kubelet's limits of a pod's search list (MaxDNSSearchPaths, MaxDNSSearchListChars), of which it adds up to three entries itself. */
const maxSearchPaths = 32 - 3
const maxSearchCharacters = 2048 - 3 * 64

export const searchList: Check = {
  id: 'SearchList',
  group: 'dns',
  severity: 'warning',
  expected: `at most ${maxSearchPaths} search domains and ${maxSearchCharacters} characters, so that the cluster’s own three fit`,
  source: 'kubelet MaxDNSSearchPaths = 32, MaxDNSSearchListChars = 2048',
  async run(context) {
    const conf = await podResolvers(context)
    if (conf === undefined) return unknown('there is no /etc/resolv.conf', 'Create it.')
    const characters = conf.search.join(' ').length
    const observed = `${conf.search.length} domains, ${characters} characters`
    if (conf.search.includes('.'))
      return fail(
        `${observed}, and the root domain "." among them`,
        'Take "." out of the search list: every short name would be asked of the root.',
      )
    return conf.search.length > maxSearchPaths || characters > maxSearchCharacters
      ? fail(observed, 'Shorten the search list in /etc/resolv.conf.')
      : pass(observed)
  },
}
