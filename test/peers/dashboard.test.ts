// Clusters and machines come under management in a browser, on a real hub: registered with the shown command, imported with a credential
// that is replaced later, and a machine on which the hub installs the agent over SSH.
import test from 'ava'
import { createOwner } from '#test/faults/owner.ts'
import { startSshMachine } from '#test/helpers/ssh/machine.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { testCa } from '#test/hub/dial/certificates.ts'
import { kubeconfigText } from '#test/peers/imported/site.ts'
import { node, startFakeKube } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { applyManifest, runManifestCommand, startPod } from '#test/peers/register/pod.ts'
import { type BrowserSite, startBrowserSite } from '#test/e2e/site.ts'

const owner = createOwner()
const slowly = { timeout: 60_000 }
let browser: BrowserSite

test.before(async (t) => {
  t.timeout(100_000)
  browser = await startBrowserSite(owner, { reducedMotion: 'reduce' }, ['--observe-seconds', '5'])
})
test.after.always(() => owner.close())

test.serial('the shown command registers a cluster, whose version, nodes and health appear without a reload', async (t) => {
  const { page, open, shoot, complaints } = browser
  const kube = await startFakeKube(t)
  await open('/clusters')
  await shoot('30-clusters-none')
  await page.getByRole('link', { name: 'Create cluster' }).first().click()
  await shoot('31-cluster-type')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('harbour')
  await shoot('32-cluster-name')
  await page.getByRole('button', { name: 'Create and make the commands' }).click()
  const command = await page.getByLabel('Command with kubectl', { exact: true }).innerText()
  t.regex(await page.getByLabel('Command on a host', { exact: true }).innerText(), /--kubeconfig '\/etc\/kubernetes\/admin\.conf'/)
  await page.locator('[data-step="connected"]').waitFor()
  await shoot('33-cluster-commands')

  const directory = await tempDir(t)
  const { applied } = await runManifestCommand(t, command, directory)
  const pod = await startPod(t, kube, applyManifest(kube, applied), { directory })
  await page.getByRole('heading', { name: 'The cluster is ready' }).waitFor(slowly)
  await shoot('34-cluster-ready')
  await page.getByRole('link', { name: 'To the cluster' }).click()
  await page.getByRole('heading', { name: 'harbour' }).waitFor()
  await page.getByText('v1.31.4').first().waitFor()
  t.is(await page.locator('[data-row]').count(), 2)
  await shoot('35-cluster')
  await page.evaluate('globalThis.isSamePage = true')
  kube.facts.nodes = [...kube.facts.nodes, node('worker-2', { isReady: false })]
  await page.getByText('worker-2').first().waitFor(slowly)
  await shoot('36-cluster-unhealthy')
  kube.facts.nodes = kube.facts.nodes.slice(0, 2)
  await page.locator('[data-row="worker-2"]').waitFor({ state: 'detached', ...slowly })
  await pod.program.stop()
  await page.locator('[data-trouble="Connected"], [data-trouble="AgentDisconnected"]').first().waitFor(slowly)
  await shoot('37-cluster-disconnected')
  t.true(await page.evaluate<boolean>('globalThis.isSamePage === true'), 'the page was not loaded again')
  t.deepEqual(complaints, [])
})

test.serial(
  'an import with the wrong CA says so at its field; with the right one it is there, and its credential is replaced',
  async (t) => {
    const { page, open, shoot, complaints } = browser
    const [right, wrong] = [await testCa(), await testCa('another CA')]
    const kube = await startFakeKube(t, { tls: await right.issue(), accepts: ['Bearer the.first', 'Bearer the.second'] })
    const kubeconfig = (ca: string, token: string) => kubeconfigText({ server: kube.server, ca, user: { token } })
    await open('/create-cluster?type=Imported')
    await page.getByRole('button', { name: 'Next' }).click()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('shop')
    const text = page.getByRole('textbox', { name: 'Kubeconfig' })
    await text.fill(kubeconfig(wrong.cert, 'the.first'))
    await page.getByRole('button', { name: 'Probe and import' }).click()
    await page
      .locator('#import-kubeconfig-hint')
      .getByText(/Give the CA of this server/)
      .waitFor()
    await shoot('40-import-wrong-ca')
    await text.fill(kubeconfig(right.cert, 'the.first'))
    await page.getByRole('button', { name: 'Probe and import' }).click()
    await page.getByRole('heading', { name: 'The cluster is ready' }).waitFor(slowly)
    await shoot('41-import-ready')

    // What the wrong one left behind would be a second row.
    await open('/credentials')
    const replace = page.getByRole('button', { name: /^Replace shop-/ })
    await replace.waitFor()
    t.is(await page.locator('[data-row]').count(), 1)
    await page.getByRole('link', { name: /shop/ }).first().waitFor()
    await shoot('42-credentials')
    await replace.click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox', { name: 'Kubeconfig' }).fill(kubeconfig(right.cert, 'canary.refused'))
    await dialog.getByRole('button', { name: 'Replace', exact: true }).click()
    await dialog
      .locator('#credential-kubeconfig-hint')
      .getByText(/401|not accepted|refuse/i)
      .waitFor()
    await shoot('43-credential-refused')
    t.false((await dialog.locator('#credential-kubeconfig-hint').innerText()).includes('canary'))
    await dialog.getByRole('textbox', { name: 'Kubeconfig' }).fill(kubeconfig(right.cert, 'the.second'))
    await dialog.getByRole('button', { name: 'Replace', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    t.is((await browser.site.client().ask('GET', '/clusters/shop/proxy/version')).status, 200)
    t.true(kube.seen.at(-1)?.rawHeaders.includes('Bearer the.second'))
    // The refusals that were asked for are what the browser itself writes to its console.
    t.deepEqual(
      complaints.filter((line) => !/status of 422/.test(line)),
      [],
    )
    complaints.length = 0
  },
)

test.serial('a machine is added over SSH: its steps and its log go on until it is connected, in the dark as well', async (t) => {
  const { page, open, shoot, complaints } = browser
  const machine = await startSshMachine(t, { prepare: ': >/run/test/systemctl.slow' })
  await open('/machines')
  await page.getByRole('link', { name: 'Add over SSH' }).first().click()
  await page.locator('#ssh-host').fill(machine.host)
  await page.locator('#ssh-port').fill(String(machine.port))
  await page.locator('#ssh-user').fill('asks')
  await page.locator('#ssh-name').fill('rack1-node4')
  await page.getByRole('radio', { name: 'Password', exact: true }).check()
  await page.locator('#ssh-password').fill(machine.password)
  await shoot('50-ssh-form')
  await page.getByRole('button', { name: 'Add and install' }).click()
  const log = page.getByRole('log')
  await log.getByText('logged in as asks; sudo works').waitFor(slowly)
  t.is(await log.getByText('enrolled as machine').count(), 0, 'it is shown while it goes on')
  await log.getByText('installing the agent').first().waitFor(slowly)
  await shoot('51-ssh-installing')
  machine.sh('rm /run/test/systemctl.slow')
  await log.getByText('tidying up').waitFor(slowly)
  await page.getByText('Connected', { exact: true }).first().waitFor(slowly)
  t.is((await browser.site.machine('rack1-node4')).status?.ssh?.hostKey, machine.hostKey())
  await page.getByText(machine.hostKey()).first().waitFor()
  await shoot('52-ssh-connected')
  await page.emulateMedia({ colorScheme: 'dark' })
  await shoot('53-ssh-connected-dark')
  t.false((await page.content()).includes(machine.password))
  t.deepEqual(complaints, [])
  await machine.stop()
})
