// Whether a passphrase opens a private key. That is seconds of computing by design, so it happens in a thread of its own.
import { Worker } from 'node:worker_threads'

export function opensKey(privateKey: string, passphrase: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./open-key-worker.ts', import.meta.url), { workerData: { privateKey, passphrase } })
    worker.once('message', (isOpen: boolean) => resolve(isOpen))
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread that opens a private key ended without an answer')))
  })
}
