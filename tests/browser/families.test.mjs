// The page of categories, on a library with memes of a few templates: families without a name are named there.
import assert from 'node:assert/strict';
import path from 'node:path';
import { make_meme, mimeme, pick_stamps } from '../cli/mimeme.mjs';
import { becomes, button, list, until } from './browser.mjs';
import { number_of, served } from './library.mjs';

const at = served(async folder => {
  const library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures'), stamps = pick_stamps(60);
  for (const [name, stamp] of [['friend', 30], ['alone', 36], ['other', 45]]) {
    for (const [i, words] of ['NOT TODAY', 'BUT TOMORROW', 'MAYBE NEVER'].entries())
      await make_meme(path.join(pictures, `${name}${i}.png`), stamps[stamp], words, name.toUpperCase());
  }
  await make_meme(path.join(pictures, 'single.png'), stamps[12], 'THE ONLY', 'ONE');
  const added = mimeme(library, 'add', pictures);
  assert.equal(added.code, 0, added.stderr);
  return { library };
});
const { check } = at;

const groups = page => page.getByRole('region', { name: /^Images like / }).evaluateAll(sections =>
  sections.map(section => [...section.querySelectorAll('a')].map(link => link.getAttribute('aria-label')).sort()).sort());
const group = (page, name) => page.getByRole('region', { name: new RegExp(`^Images like ${name}`) });
const field = (page, name) => group(page, name).getByRole('combobox', { name: 'Name of the family' });
const name_it = (page, name) => group(page, name).getByRole('button', { name: 'Name this family' });
const members = name => ['0', '1', '2'].map(i => `${name}${i}.png`);
const [FRIENDS, ALONE, OTHERS] = ['friend', 'alone', 'other'].map(members);
const category = async name =>
  (await (await fetch(`${at.server.address}/api/v1/images/${await number_of(at.server.address, name)}`)).json()).category;
const focus = page => page.evaluate(() => {
  const section = document.activeElement.closest('section[aria-label]');
  return [section?.getAttribute('aria-label').replace(/^Images like (\D+).*/, '$1') ?? '', document.activeElement.localName];
});

check('what is of one template stands together, without a word of what it is called', async page => {
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Categories' }).first().click();
  await becomes(() => groups(page), [ALONE, FRIENDS, OTHERS]);
  await page.getByRole('heading', { level: 2, name: 'Families without a name' }).waitFor();
  await until(() => group(page, 'friend').locator('img').evaluateAll(images =>
    images.length === 3 && images.every(image => image.complete && image.naturalWidth > 0)), 'the pictures');
  await group(page, 'friend').getByText('3 images').waitFor();
});

check('a family is named as one, and that can be taken back', async page => {
  await page.goto('/families');
  await becomes(() => groups(page), [ALONE, FRIENDS, OTHERS]);
  await name_it(page, 'friend').click();
  assert.ok(await field(page, 'friend').evaluate(input => !input.validity.valid), 'without a name nothing happens');
  assert.deepEqual(await groups(page), [ALONE, FRIENDS, OTHERS]);
  await field(page, 'friend').fill('Old Friend');
  await name_it(page, 'friend').click();
  await becomes(() => groups(page), [ALONE, OTHERS]);
  await page.getByText('3 images named Old Friend').waitFor();
  await list(page, 'Categories').getByRole('link', { name: 'Old Friend' }).waitFor();
  for (const name of FRIENDS) assert.equal(await category(name), 'Old Friend');
  await button(page, 'Undo').click();
  await becomes(() => groups(page), [ALONE, FRIENDS, OTHERS]);
  for (const name of FRIENDS) assert.equal(await category(name), '');
});

check('an answer that comes late does not take the place of a newer one', async page => {
  let asked = 0, release;
  const held = new Promise(resolve => (release = resolve));
  await page.route('**/api/v1/families', async route => {
    const first = ++asked === 1, response = await route.fetch();
    if (first) await held;
    await route.fulfill({ response });
  });
  await page.goto('/families');
  await becomes(() => groups(page), [ALONE, FRIENDS, OTHERS]);
  await field(page, 'friend').fill('Late Friend');
  await name_it(page, 'friend').click();
  const named = list(page, 'Categories').getByRole('link', { name: 'Late Friend' });
  await named.waitFor();
  await Promise.all([page.waitForResponse('**/api/v1/families'), release()]);
  await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 300)));
  assert.equal(await named.count(), 1);
  await button(page, 'Undo').click();
  await becomes(() => groups(page), [ALONE, FRIENDS, OTHERS]);
});

check('what one of them is called is proposed, and names that there are', async page => {
  await page.goto(`/image/${await number_of(at.server.address, 'other1.png')}`);
  await page.getByRole('combobox', { name: 'Category' }).fill('Otherness');
  await button(page, 'Save').click();
  await page.getByText('Saved').waitFor();
  await page.goto('/families');
  await becomes(async () => field(page, 'other').inputValue(), 'Otherness');
  await group(page, 'other').getByText('3 images, 1 named').waitFor();
  await field(page, 'alone').focus();
  await until(() => group(page, 'alone').locator('option').evaluateAll(options => options.some(o => o.value === 'Otherness')), 'names');
  // What is suggested for them is settled with it.
  await page.getByRole('region', { name: 'Otherness', exact: true }).waitFor();
  await name_it(page, 'other').click();
  await becomes(() => groups(page), [ALONE, FRIENDS]);
  await page.getByText('2 images named Otherness').waitFor();
  for (const name of OTHERS) assert.equal(await category(name), 'Otherness');
  await until(async () => !(await groups(page)).flat().some(name => OTHERS.includes(name)), 'none is asked for again');
});

check('by keyboard alone: the focus goes on to the next family', async page => {
  await page.goto('/families');
  await becomes(() => groups(page), [ALONE, FRIENDS]);
  await group(page, 'alone').getByRole('link').first().focus();
  for (let i = 0; i < 3; ++i) await page.keyboard.press('Tab');
  await becomes(() => focus(page), ['alone', 'input']);
  await page.keyboard.type('Lonely');
  await page.keyboard.press('Enter');
  await becomes(() => groups(page), [FRIENDS]);
  await becomes(() => focus(page), ['friend', 'input']);
  await page.keyboard.type('Old Friend');
  await page.keyboard.press('Enter');
  await becomes(() => groups(page), []);
  // What else looks alike is asked for next; if nothing does, the page has the focus.
  await until(() => page.evaluate(() => document.activeElement !== document.body), 'the focus is not lost');
  for (const name of ['Lonely', 'Old Friend', 'Otherness']) await list(page, 'Categories').getByRole('link', { name }).waitFor();
});

check('a suggestion that is the last of its category leaves the focus on the page', async page => {
  const address = at.server.address;
  for (const name of FRIENDS.slice(1)) {
    await fetch(`${address}/api/v1/images/${await number_of(address, name)}`, {
      method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ category: null }),
    });
  }
  const { suggestions } = await (await fetch(`${address}/api/v1/suggestions`)).json();
  for (const { image } of suggestions) {
    await fetch(`${address}/api/v1/suggestions`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ answer: 'refuse', images: [image.id] }),
    });
  }
  // Named anew, it is suggested to the two again.
  await fetch(`${address}/api/v1/images/${await number_of(address, 'friend0.png')}`, {
    method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ category: 'Pals' }),
  });
  await page.goto('/families');
  const region = page.getByRole('region', { name: 'Pals', exact: true });
  await region.waitFor();
  const asked = region.getByRole('button', { name: /^Accept Pals for / });
  await until(async () => (await asked.count()) >= 2, 'suggestions');
  for (let left = await asked.count(); left > 0; --left) {
    await asked.first().focus();
    await page.keyboard.press('Enter');
    await becomes(() => asked.count(), left - 1);
    if (left > 1) await becomes(() => focus(page), ['Pals', 'button']);
  }
  await region.waitFor({ state: 'detached' });
  await until(() => page.evaluate(() => document.activeElement !== document.body), 'the focus is not lost');
});

check('360 pixels wide, and dark: nothing is cut off', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }, async page => {
  const address = at.server.address;
  for (const name of ALONE) {
    await fetch(`${address}/api/v1/images/${await number_of(address, name)}`, {
      method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ category: null }),
    });
  }
  await page.goto('/families');
  await name_it(page, 'alone').waitFor();
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${over} pixels wider`);
  const { x, width } = await name_it(page, 'alone').boundingBox();
  assert.ok(x >= 0 && x + width <= 360, `${x} … ${x + width}`);
});
