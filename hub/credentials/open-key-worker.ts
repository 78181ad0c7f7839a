import { parentPort, workerData } from 'node:worker_threads'
import ssh2 from 'ssh2'

const { privateKey, passphrase } = workerData as { privateKey: string; passphrase: string }
const [key] = [ssh2.utils.parseKey(privateKey, passphrase)].flat()
parentPort?.postMessage(key !== undefined && !(key instanceof Error) && key.isPrivateKey())
