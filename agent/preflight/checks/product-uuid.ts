import { readLine } from '#agent/facts/sources/system.ts'
import { type Check, fail, pass, skipped } from '../types.ts'

const path = '/sys/class/dmi/id/product_uuid'

export const productUuid: Check = {
  id: 'ProductUuid',
  group: 'identity',
  severity: 'warning',
  expected: `${path} is readable and no vendor's placeholder`,
  source: 'kubeadm install requirements: unique product_uuid for every node',
  async run({ host }) {
    if ((await host.info('/sys/class/dmi/id')) === undefined)
      return skipped('this machine has no SMBIOS (a container, or a board without it)')
    const uuid = (await readLine(host, path))?.toLowerCase()
    if (!uuid) return fail('the firmware gives no product UUID', 'Set one in the hypervisor’s definition of the machine.')
    if (/^0+-|^f+-|^03000200-0400-0500-0006-000700080009$/.test(uuid))
      return fail(
        `${uuid} is a placeholder that many machines share`,
        'Set a UUID in the firmware or the hypervisor’s definition of the machine.',
      )
    return pass('present')
  },
}
