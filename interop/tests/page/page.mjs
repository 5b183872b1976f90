// Opens the doctor's page in Chromium, with the keyboard alone, and checks what it shows. `page.rs` starts it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { url, host, port, ip, line, proxy, shots, modules, chromium: executablePath } = JSON.parse(process.argv[2]);
const load = createRequire(`${modules}/`);
const { chromium } = load('playwright-core');
const axe = readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');

const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', `--host-resolver-rules=MAP ${host}:${port} ${ip}:${port}`],
});
const errors = [];
const outside = [];

const open = async options => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: false, ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(url).origin });
  const page = await context.newPage();
  page.on('console', message => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', error => errors.push(String(error)));
  page.on('request', request => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(url).origin && protocol !== 'data:') outside.push(request.url());
  });
  await page.goto(url);
  return page;
};

const focused = page => page.evaluate(() => document.activeElement.textContent);
// Presses Tab until this is focused.
const tab = async (page, text) => {
  for (let times = 0; times < 30; times += 1) {
    await page.keyboard.press('Tab');
    if ((await focused(page)).includes(text)) return;
  }
  assert.fail(`no Tab reaches “${text}”`);
};

const accessible = async (page, what) => {
  // The page's policy lets nobody else run scripts in it: axe comes in through the debugger.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`);
  assert.deepEqual(found, [], what);
};

const narrow = async (page, what) => {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= page.viewportSize().width, `${what}: ${width} px wide`);
};

// From the start to the line, without a mouse.
const walk = async page => {
  await accessible(page, 'before');
  await tab(page, 'Ask my proxies');
  await page.keyboard.press('Enter');
  await page.getByRole('progressbar').waitFor();
  await page.getByText('Done.').waitFor({ timeout: 120_000 });
  assert.equal(await focused(page), 'The line');
  await tab(page, 'Yes, ');
  await page.keyboard.press('Enter');
  await page.locator('.line').waitFor();
  assert.equal(await page.locator('.line').textContent(), line);
};

const page = await open({ viewport: { width: 1000, height: 900 }, colorScheme: 'light' });
await walk(page);
await tab(page, 'Copy the line');
await page.keyboard.press('Enter');
await page.getByText('The line is copied.').waitFor();
assert.equal(await page.evaluate(() => navigator.clipboard.readText()), line);
assert.ok(await page.getByRole('img', { name: new RegExp(`you .*${proxy}.*application`) }).isVisible());
assert.ok((await page.locator('#command').textContent()).includes('proxyfix doctor probe https://'));
await accessible(page, 'light');
await narrow(page, 'wide');
await page.screenshot({ path: `${shots}/doctor.png` });
await page.emulateMedia({ colorScheme: 'dark' });
await accessible(page, 'dark');
await page.screenshot({ path: `${shots}/doctor-dark.png` });

const phone = await open({ viewport: { width: 360, height: 740 }, colorScheme: 'dark', reducedMotion: 'reduce', deviceScaleFactor: 1 });
await narrow(phone, 'a phone, before');
await walk(phone);
await narrow(phone, 'a phone');
await accessible(phone, 'a phone');
const moving = await phone.evaluate(() => document.getAnimations().length + [...document.querySelectorAll('*')].filter(element => getComputedStyle(element).transitionDuration !== '0s').length);
assert.equal(moving, 0, 'with reduced motion, nothing moves');
await phone.screenshot({ path: `${shots}/doctor-phone.png` });

assert.deepEqual(errors, [], 'errors in the console');
assert.deepEqual(outside, [], 'requests to elsewhere');
await browser.close();
console.log('the page is right');
