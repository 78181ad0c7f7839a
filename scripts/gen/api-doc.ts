import { credentialKindOptions } from '#hub/credentials/kind-options.ts'
import { createVault } from '#hub/credentials/vault.ts'
import { kindDefinitions } from '#hub/resources/kinds/index.ts'
import type { KindDefinition } from '#hub/resources/types.ts'
import { describeFields } from './schema-fields.ts'
import { code, table } from './section.ts'

/** For what they say of themselves; nothing is made with these. */
const randomBytes = (count: number) => new Uint8Array(count)
const vault = createVault({ bytes: randomBytes(32), id: '' }, randomBytes)
const definitions = (): KindDefinition[] => kindDefinitions({ installCommand: () => '', randomBytes, ...credentialKindOptions(vault) })

/** One table of all kinds, then for each its columns and the fields of spec and status. */
export function kinds(): string {
  const all = definitions()
  const overview = table(
    ['kind', 'plural', 'short', 'selectable fields', 'what it is'],
    all.map((kind) => [
      code(kind.kind),
      code(kind.plural),
      kind.shortNames.map(code).join(' '),
      ['metadata.name', ...Object.keys(kind.selectableFields)].map(code).join(' '),
      kind.description,
    ]),
  )
  return [overview, ...all.map(describeKind)].join('\n\n')
}

function describeKind(kind: KindDefinition): string {
  const columns = kind.columns.map(({ name, priority }) => (priority === 0 ? name : `${name} (wide)`)).join(', ')
  return [
    `### ${kind.kind}`,
    `${kind.description} Columns: ${columns}.`,
    ...(['spec', 'status'] as const).map((part) => {
      const rows = describeFields(part, kind[part]).map((field) => [code(field.path), field.type, field.rule, field.description])
      return rows.length > 0 ? table(['field', 'type', 'limits', 'meaning'], rows) : `It has no ${part}.`
    }),
  ].join('\n\n')
}
