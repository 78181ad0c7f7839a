// The thread of open-key.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { isOpenedBy } from './ssh-key.ts'

const { privateKey, passphrase } = workerData as { privateKey: string; passphrase: string }
parentPort?.postMessage(isOpenedBy(privateKey, passphrase))
