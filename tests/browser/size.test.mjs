// How much a browser loads before it shows the library: counted on the wire, as it is compressed there.
import assert from 'node:assert/strict';
import path from 'node:path';
import { copy_into, mimeme, pick_stamps } from '../cli/mimeme.mjs';
import { cards, until } from './browser.mjs';
import { served } from './library.mjs';

const MOST = 120 * 1024;

const { check } = served(folder => {
  const library = path.join(folder, 'library');
  copy_into(path.join(folder, 'pictures'), pick_stamps(6));
  assert.equal(mimeme(library, 'add', path.join(folder, 'pictures'), '--no-words').code, 0);
  return { library };
});

check('the first load is less than 120 KB of JavaScript and CSS', async (page, context) => {
  const client = await context.newCDPSession(page);
  await client.send('Network.enable');
  const kinds = new Map(), loaded = new Map();
  client.on('Network.responseReceived', ({ requestId, type, response }) => kinds.set(requestId, { type, response }));
  client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const { type, response } = kinds.get(requestId) ?? {};
    if (!['Script', 'Stylesheet'].includes(type)) return;
    const coding = new Headers(response.headers).get('content-encoding') ?? undefined;
    loaded.set(new URL(response.url).pathname, { bytes: encodedDataLength, coding });
  });
  await page.goto('/');
  await cards(page).first().locator('img').waitFor();
  await until(() => loaded.size >= 3 && page.evaluate(() => document.readyState === 'complete'), 'all is loaded');
  const total = [...loaded.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  for (const [name, { bytes, coding = 'plain' }] of loaded) console.log(`${name}: ${bytes} bytes, ${coding}`);
  console.log(`first load: ${(total / 1024).toFixed(1)} KB of ${MOST / 1024}`);
  assert.ok([...loaded.keys()].some(name => name.endsWith('.css')), 'a style sheet is among it');
  assert.ok(total < MOST, `${total} bytes`);
  // What is not small is compressed.
  for (const [name, { bytes, coding }] of loaded) assert.ok(coding || bytes < 2048, `${name} is not compressed`);
});
