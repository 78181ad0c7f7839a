// What an agent knows about its machine. Sizes in bytes, speeds in Mbit/s.
import Type, { type Static } from 'typebox'

const text = (maxLength = 256) => Type.String({ maxLength })
const closed = { additionalProperties: false } as const

export const Facts = Type.Object(
  {
    hostname: text(),
    os: Type.Object({ id: text(), versionId: text(), prettyName: text() }, closed),
    kernel: text(),
    architecture: text(32),
    virtualization: Type.Optional(text(64)),
    hardware: Type.Optional(
      Type.Object(
        {
          manufacturer: text(),
          model: text(),
          blockDevices: Type.Array(
            Type.Object(
              {
                name: text(64),
                model: text(),
                sizeBytes: Type.Integer(),
                isRotational: Type.Boolean(),
                isRemovable: Type.Boolean(),
              },
              closed,
            ),
            { maxItems: 64 },
          ),
        },
        closed,
      ),
    ),
    initSystem: text(64),
    cpu: Type.Object({ model: text(), count: Type.Integer({ minimum: 0 }) }, closed),
    memory: Type.Object({ totalBytes: Type.Integer(), availableBytes: Type.Integer(), swapTotalBytes: Type.Integer() }, closed),
    disks: Type.Array(
      Type.Object(
        {
          mountPoint: text(1024),
          device: text(1024),
          fsType: text(64),
          sizeBytes: Type.Integer(),
          availableBytes: Type.Integer(),
          inodesFree: Type.Optional(Type.Integer()),
        },
        closed,
      ),
      { maxItems: 64 },
    ),
    nics: Type.Array(
      Type.Object(
        {
          name: text(64),
          mac: text(32),
          mtu: Type.Integer(),
          up: Type.Boolean(),
          speedMbps: Type.Optional(Type.Integer()),
          addresses: Type.Array(text(64), { maxItems: 64, description: 'CIDR notation' }),
        },
        closed,
      ),
      { maxItems: 64 },
    ),
    routes: Type.Array(
      Type.Object({ destination: text(64), gateway: Type.Optional(text(64)), interface: text(64), family: Type.Integer() }, closed),
      { maxItems: 256 },
    ),
    resolvers: Type.Array(text(64), { maxItems: 16 }),
    runtime: Type.Optional(Type.Object({ name: text(64), version: text(64) }, closed)),
    kubelet: Type.Optional(Type.Object({ version: text(64) }, closed)),
    bootId: text(64),
    machineIdHash: text(64),
    collectedAt: text(40),
  },
  closed,
)
export type Facts = Static<typeof Facts>
