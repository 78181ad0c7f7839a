import { type Check, type CheckContext, fail, type Finding, pass, type Severity, skipped, type Target, unknown } from '../types.ts'

export interface ModuleOptions {
  /** Name of the kernel option without CONFIG_. */
  option: string
  /** What needs it. */
  user: string
  severity: Severity
  plugins?: readonly NonNullable<Target['plugin']>[]
  /** Files that show it is there, whatever its name is in the module list. */
  evidence?: readonly string[]
}

/** A module is there when it is loaded, built in, or on disk for the running kernel. */
export function kernelModule(name: string, options: ModuleOptions): Check {
  return {
    id: `KernelModule-${name}`,
    group: 'host',
    severity: options.severity,
    expected: `${name} is loaded, built in or can be loaded: ${options.user} needs it`,
    source: 'Kubernetes container runtime and network plugin requirements',
    async run(context) {
      const { plugin } = context.target
      if (options.plugins && (plugin === undefined || !options.plugins.includes(plugin)))
        return skipped(plugin ? `${plugin} does not need it` : 'no plugin is given')
      return look(context, name, options)
    },
  }
}

async function look({ host, machine }: CheckContext, name: string, { option, evidence = [] }: ModuleOptions): Promise<Finding> {
  for (const path of [`/sys/module/${name}`, ...evidence]) if (await host.info(path)) return pass('loaded or built in')
  const isListed = (text: string | undefined, pattern: RegExp) => text !== undefined && pattern.test(text)
  if (isListed(await host.readText('/proc/modules'), new RegExp(`^${name} `, 'm'))) return pass('loaded')
  const config = await machine.kernelConfig()
  if (config?.values.get(option) === 'y') return pass('built in')
  const release = await machine.kernelRelease()
  const file = new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko(\\.\\w+)?(:|$)`, 'm')
  const directory = `/lib/modules/${release}`
  const maxBytes = 8 * 1024 * 1024
  if (isListed(await host.readText(`${directory}/modules.builtin`, { maxBytes }), file)) return pass('built in')
  const dependencies = await host.readText(`${directory}/modules.dep`, { maxBytes })
  if (isListed(dependencies, file)) return pass('not loaded; it can be')
  if (dependencies === undefined && config === undefined)
    return unknown(`neither ${directory} nor the kernel’s configuration is there to look at`, `Try \`modprobe ${name}\`.`)
  return fail(
    config?.values.get(option) === 'm' ? 'the kernel has it as a module, which is not on this disk' : 'the kernel does not have it',
    `Install the modules of kernel ${release} (linux-modules-extra, kernel-modules-extra), or another kernel.`,
  )
}
