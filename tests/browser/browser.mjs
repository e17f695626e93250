// Opens the web app in Debian's Chromium, for the tests beside this file. A test fails, whatever else it asserts, when
// the page logs an error, throws, opens a dialog, loses a request or asks any server but its own.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

export const launch = () => chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-precise-memory-info'],
});

export const DESKTOP = { viewport: { width: 1440, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

// What `read` gives; nothing while the page is on its way to another.
const steady = read => Promise.resolve().then(read).catch(error => {
  if (!/because of a navigation|Execution context was destroyed/.test(error.message)) throw error;
});

// Polls until `condition()` gives something true, and gives that.
export async function until(condition, what, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; ; await new Promise(r => setTimeout(r, 25))) {
    const result = await steady(condition);
    if (result) return result;
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s`);
  }
}

// Polls until `read()` gives just this. Fails with the difference.
export async function becomes(read, expected, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; ; await new Promise(r => setTimeout(r, 25))) {
    const value = await steady(read);
    if (isDeepStrictEqual(value, expected)) return;
    if (Date.now() > deadline) assert.deepEqual(value, expected);
  }
}

// What goes wrong in all pages of a context, but for what `expected` matches.
function watch(context, origin, expected) {
  const faults = [];
  const fault = text => expected.some(pattern => pattern.test(text)) || faults.push(text);
  context.on('request', request => {
    const url = new URL(request.url());
    if (/^https?:|^wss?:/.test(url.protocol) && url.origin !== origin) faults.push(`asks ${url}`);
  });
  // A request that the page itself gave up is none that failed.
  context.on('requestfailed', request => {
    const why = request.failure()?.errorText;
    if (why !== 'net::ERR_ABORTED') fault(`${request.method()} ${request.url()}: ${why}`);
  });
  context.on('console', message => message.type() === 'error' && fault(`${message.text()} ${message.location().url}`));
  context.on('weberror', error => fault(`threw ${error.error().message}`));
  context.on('dialog', dialog => {
    faults.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  return faults;
}

// A test() whose function gets a page of a context of its own. `expects` are patterns of faults that belong to the test.
export function browsing(address) {
  let browser;
  before(async () => (browser = await launch()));
  after(() => browser?.close());
  return (name, options, run = options) => test(name, async () => {
    const { expects = [], ...wanted } = run === options ? {} : options;
    const context = await browser.newContext({ baseURL: address(), ...DESKTOP, ...wanted });
    const faults = watch(context, new URL(address()).origin, expects);
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    try {
      await run(page, context);
    } catch (error) {
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name.replace(/\W+/g, '_')}.png` });
      error.message += `\nat ${page.url()}${faults.map(fault => `\n- ${fault}`).join('')}`;
      throw error;
    } finally {
      await context.close();
    }
    assert.deepEqual(faults, []);
  });
}

// --- what pages show, by the names that ui/README.md promises

export const list = (page, name) => page.getByRole('list', { name, exact: true });
export const cards = (page, name = 'Images') => list(page, name).getByRole('link');
export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const chips = page => list(page, 'What is searched for').getByRole('listitem');
export const slider = page => page.getByRole('slider', { name: 'Similarity at least' });

// The files that a wall shows, in its order, which is not that of the page when the focus holds one out of sight.
const names = links => links.evaluateAll(links => links
  .sort((a, b) => a.dataset.index - b.dataset.index)
  .map(link => link.getAttribute('aria-label').replace(/, similarity [\d.]+$/, '')));
export const files = (page, name) => names(cards(page, name));
// Those of them with one relation to the picture that was asked with.
export const files_of = (page, relation) => names(page.getByRole('region', { name: relation, exact: true }).getByRole('link'));
export const first = async (page, name) => (await files(page, name))[0];

export async function search(page, words) {
  const field = page.getByRole('searchbox', { name: 'Search' });
  await field.fill(words);
  await field.press('Enter');
}

// Parts of the address after the origin, decoded.
export const place = page => {
  const url = new URL(page.url());
  return decodeURIComponent(url.pathname + url.search + url.hash);
};

// Gives the page files as another program would: `how` is 'paste' or 'drop'.
export async function hand_over(page, how, ...paths) {
  const data = paths.map(path => [path.split('/').pop(), fs.readFileSync(path).toString('base64')]);
  await page.evaluate(([how, data]) => {
    const transfer = new DataTransfer();
    for (const [name, base64] of data) {
      const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
      const type = { png: 'image/png', jpg: 'image/jpeg', txt: 'text/plain' }[name.split('.').pop()];
      transfer.items.add(new File([bytes], name, { type }));
    }
    const send = (kind, Event, key) =>
      document.body.dispatchEvent(new Event(kind, { [key]: transfer, bubbles: true, cancelable: true }));
    if (how === 'paste') return send('paste', ClipboardEvent, 'clipboardData');
    send('dragenter', DragEvent, 'dataTransfer');
    send('dragover', DragEvent, 'dataTransfer');
    return send('drop', DragEvent, 'dataTransfer');
  }, [how, data]);
}
