// The server goes away while the page is open, and comes back: the page recovers by itself.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { copy_into, mimeme, pick_stamps, program } from '../cli/mimeme.mjs';
import { started } from '../http/server.mjs';
import { becomes, button, cards, files, first, list, place, search, until } from './browser.mjs';
import { served } from './library.mjs';

const stamps = pick_stamps(14);
const at = served(folder => {
  const library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
  copy_into(pictures, stamps.slice(0, 12));
  assert.equal(mimeme(library, 'add', pictures).code, 0);
  return { library, pictures };
});
const { check } = at;

const LOST = { expects: [/ERR_CONNECTION|ERR_SOCKET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_NETWORK|Failed to fetch|when fetching the script|status of 503/] };
const crash = () => at.server.end('SIGKILL');
const come_back = async () => {
  at.server = await started(at.library, program, ['serve', '--port', String(at.server.port), '--json']);
};
const said = page => page.getByText('Server not reachable, trying again…');

check('a search that is asked for meanwhile is answered when the server is back', LOST, async page => {
  await page.goto('/');
  await cards(page).first().waitFor();
  await crash();
  await search(page, 'dragonfly');
  await said(page).waitFor();
  assert.equal(place(page), '/search?q=dragonfly');
  await come_back();
  await until(async () => /dragonfly/.test(await first(page)), 'hits');
  await said(page).waitFor({ state: 'detached' });
});

check('pictures that were asked for meanwhile are shown, and new images are told of again', LOST, async page => {
  await page.goto('/settings');
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await crash();
  await page.getByRole('link', { name: 'Library' }).first().click();
  await said(page).waitFor();
  await come_back();
  await cards(page).first().waitFor();
  await said(page).waitFor({ state: 'detached' });
  await until(() => page.locator('main img').evaluateAll(all => all.length > 5 && all.every(i => i.naturalWidth)), 'pictures');
  // The stream of events is followed again.
  copy_into(`${at.pictures}/more`, stamps.slice(12, 13));
  assert.equal(mimeme(at.library, 'add', '--no-words').code, 0);
  await until(async () => (await files(page)).includes(`0000-${path.basename(stamps[12])}`), 'the new image');
});

check('what was typed is kept, and saving works when the server is back', LOST, async page => {
  await page.goto('/');
  await cards(page).first().click();
  const description = page.getByRole('textbox', { name: 'Description' });
  await description.fill('written in a storm');
  await crash();
  await button(page, 'Save').click();
  await page.getByRole('status', { name: 'Notifications' }).getByText('The server cannot be reached').waitFor();
  await said(page).waitFor();
  assert.equal(await description.inputValue(), 'written in a storm');
  await come_back();
  await said(page).waitFor({ state: 'detached' });
  await button(page, 'Save').click();
  await page.getByText('Saved').waitFor();
  await search(page, 'storm');
  await until(async () => (await cards(page).count()) > 0, 'it is found');
});

check('an upload that begins meanwhile goes on by itself; one that was cut off can be tried again', LOST, async page => {
  await page.goto('/upload');
  await page.getByRole('heading', { name: 'Add pictures' }).waitFor();
  await crash();
  await page.getByLabel('Choose files').setInputFiles(stamps[13]);
  const upload = list(page, 'Uploads').getByRole('listitem').first();
  await upload.getByText('Being compared').waitFor();
  await said(page).waitFor();
  await come_back();
  await upload.getByText('Added').waitFor();
  await button(page, 'Clear finished').click();
  await page.route('**/api/v1/images', async route => (await crash(), route.continue()), { times: 1 });
  await page.getByLabel('Choose files').setInputFiles({
    name: 'other.png', mimeType: 'image/png', buffer: Buffer.concat([fs.readFileSync(stamps[13]), Buffer.from('other')]),
  });
  await upload.getByText('Failed: The server cannot be reached').waitFor();
  await come_back();
  await button(page, 'Try again').click();
  await upload.getByText('Added').waitFor();
});

check('a page that is opened meanwhile says so, and shows itself when the server is back', LOST, async page => {
  await page.goto('/');
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await until(() => page.evaluate(() => Boolean(navigator.serviceWorker.controller)), 'the worker takes over');
  await crash();
  await page.reload();
  await page.getByRole('heading', { name: 'mimeme cannot be reached' }).waitFor();
  await come_back();
  await cards(page).first().waitFor();
  await becomes(() => place(page), '/');
});
