// A server that takes a key: the web app asks for it, and offers what it is good for.
import assert from 'node:assert/strict';
import path from 'node:path';
import { copy_into, json, pick_stamps } from '../cli/mimeme.mjs';
import { until } from './browser.mjs';
import { served } from './library.mjs';

const library_for = anonymous => folder => {
  const library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
  copy_into(pictures, pick_stamps(4));
  json(library, 0, 'add', '--no-words', pictures);
  const key = scope => json(library, 0, 'keys', 'create', scope, '--scope', scope).key;
  return { library, keys: { read: key('read'), write: key('write') }, args: ['--anonymous', anonymous] };
};
const at = served(library_for('none')), gallery = served(library_for('read'));

const sign_in = async (page, key) => {
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
};
const upload_link = page => page.getByRole('navigation').getByRole('link', { name: 'Upload' }).first();

const WRONG_KEY = /401 .*\/api\/v1\/session$/;

at.check('a reader signs in, looks, and is offered nothing else', { expects: [WRONG_KEY] }, async page => {
  await page.goto('/');
  await sign_in(page, 'mimeme_wrong');
  await page.getByRole('alert').getByText(/no key/).waitFor();
  await sign_in(page, at.keys.read);
  await page.locator('[data-index]').first().waitFor();
  assert.ok(!await upload_link(page).isVisible());
  await page.goto('/image/1');
  await page.getByRole('link', { name: 'Download' }).waitFor();
  assert.ok(!await page.getByRole('button', { name: 'Delete' }).isVisible());

  await page.goto('/settings');
  await page.getByText('Signed in with the key “read” (read)').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

at.check('a writer changes what there is', async page => {
  await page.goto('/image/1');
  await sign_in(page, at.keys.write);
  await page.getByLabel('Description').fill('a frog on a leaf');
  await page.getByRole('button', { name: 'Save' }).click();
  await until(() => json(at.library, 0, 'describe', '1').description === 'a frog on a leaf', 'it is saved');
  assert.ok(await upload_link(page).isVisible());
});

gallery.check('a visitor of a gallery that all may read looks at signing in, and goes back', async page => {
  await page.goto('/');
  await page.locator('[data-index]').first().waitFor();
  await page.goto('/upload');
  await page.getByText('This takes a key that may write').waitFor();
  await page.getByRole('main').getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Sign in' }).click();
  assert.equal(await page.evaluate(() => document.activeElement.type), 'password');
  await page.getByRole('button', { name: 'Back' }).click();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
});
