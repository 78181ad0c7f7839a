// moorline-hub new-credentials-key: after the key of the Credentials is lost for good. What was sealed with it stays closed.
import type { HubConfig } from '#hub/config/config.ts'
import { createSealingKey, keyFileName } from '#hub/credentials/key.ts'

export async function newCredentialsKeyCommand({ dataDir }: HubConfig, randomBytes: (count: number) => Uint8Array): Promise<number> {
  await createSealingKey({ dataDir, randomBytes })
  process.stdout.write(
    `Made ${keyFileName} in ${dataDir}. Credentials that were sealed with another key stay closed: after the start of the hub each says so in its condition Usable. Write their data anew.\n`,
  )
  return 0
}
