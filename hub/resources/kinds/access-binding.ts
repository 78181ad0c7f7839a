import Type from 'typebox'
import { type AccessBinding, AccessBindingSpec } from '#shared/contract/access.ts'
import type { KindDefinition } from '../types.ts'
import { ageColumn, column, nameColumn } from './columns.ts'
import { reference } from './rules.ts'

export const accessBindingKind: KindDefinition = {
  kind: 'AccessBinding',
  plural: 'accessbindings',
  singular: 'accessbinding',
  shortNames: ['ab'],
  categories: ['moorline'],
  description: 'Gives a role to users and groups, for everything or for one Cluster.',
  spec: AccessBindingSpec,
  status: Type.Object({}, { additionalProperties: false }),
  columns: [
    nameColumn,
    column<AccessBinding>('Role', 'viewer, operator or admin.', (object) => object.spec.role),
    column<AccessBinding>('Subjects', 'Who has it.', (object) => object.spec.subjects.map(({ kind, name }) => `${kind}/${name}`).join(',')),
    column<AccessBinding>('Cluster', 'Cluster it is limited to.', (object) => object.spec.clusterRef),
    ageColumn,
  ],
  selectableFields: { 'spec.role': (object) => (object as AccessBinding).spec.role },
  validate: (object, old, look) =>
    reference(
      look,
      'Cluster',
      'spec.clusterRef',
      (object as AccessBinding).spec.clusterRef,
      (old as AccessBinding | undefined)?.spec.clusterRef,
    ),
}
