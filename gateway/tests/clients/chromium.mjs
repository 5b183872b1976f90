// Chromium through the proxy: a page with a script, an image and a WebSocket of two https hosts, and the download of the
// certificate. Arguments: the proxy, the user and the password (or nothing), a folder. Prints what happened, as JSON.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [proxy, username, password, folder] = process.argv.slice(2);
const errors = [];
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
  env: { ...process.env, HOME: folder },
  proxy: username ? { server: proxy, username, password } : { server: proxy },
});
try {
  const page = await (await browser.newContext({ acceptDownloads: true })).newPage();
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('requestfailed', (request) => errors.push(`${request.url()} ${request.failure().errorText}`));
  await page.goto('https://page.test/start?a=b');
  await page.waitForFunction(() => document.title === 'done', undefined, { timeout: 20000 });
  const text = await page.textContent('body');
  const protocols = await page.evaluate(() =>
    Object.fromEntries(performance.getEntriesByType('resource').map((entry) => [entry.name, entry.nextHopProtocol])));
  const isSecure = await page.evaluate(() => window.isSecureContext);
  await page.screenshot({ path: `${folder}/page.png` });
  await page.goto('http://wsgiprox/download/');
  await page.screenshot({ path: `${folder}/download.png` });
  // A request that becomes a download ends as aborted.
  const before = [...errors];
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a[href="/download/pem"]')]);
  await download.saveAs(`${folder}/downloaded.pem`);
  console.log(JSON.stringify({
    errors: before,
    text: text.trim(),
    protocols,
    isSecure,
    name: download.suggestedFilename(),
    pem: readFileSync(`${folder}/downloaded.pem`, 'utf8'),
  }));
} finally {
  await browser.close();
}
