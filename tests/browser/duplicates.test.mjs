// The page of duplicates, on a library with copies of its pictures: what it lists, and what can be done about it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { make_meme, mimeme, pick_stamps } from '../cli/mimeme.mjs';
import { becomes, button, until } from './browser.mjs';
import { served } from './library.mjs';

const at = served(async folder => {
  const library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
  const picture = name => path.join(pictures, name), stamps = pick_stamps(60);
  for (const [i, name] of ['first', 'second', 'third'].entries()) {
    await make_meme(picture(`${name}.png`), stamps[30 + 3 * i], name.toUpperCase(), 'OF ITS KIND');
    await sharp(picture(`${name}.png`)).resize(420).jpeg({ quality: 60 }).toFile(picture(`${name}-small.jpg`));
  }
  await sharp(picture('first.png')).modulate({ brightness: 1.1 }).jpeg({ quality: 80 }).toFile(picture('first-bright.jpg'));
  await make_meme(picture('other.png'), stamps[45], 'WITHOUT', 'A COPY');
  const added = mimeme(library, 'add', pictures);
  assert.equal(added.code, 0, added.stderr);
  return { library, pictures, picture };
});
const { check } = at;

const group = (page, name) => page.getByRole('region', { name: `Copies of ${name}` });
const groups = page => page.getByRole('region', { name: /^Copies of / }).evaluateAll(sections =>
  sections.map(section => [...section.querySelectorAll('a')].map(link => link.getAttribute('aria-label'))).sort());
const FIRST = ['first.png', 'first-bright.jpg', 'first-small.jpg'];
const SECOND = ['second.png', 'second-small.jpg'], THIRD = ['third.png', 'third-small.jpg'];
const undo = page => button(page, 'Undo').last().click();
const image_count = async () => (await (await fetch(`${at.server.address}/api/v1/status`)).json()).images;

check('copies stand side by side, the best first and marked', async page => {
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Duplicates' }).first().click();
  await becomes(() => groups(page), [FIRST, SECOND, THIRD]);
  await page.getByText('3 groups').waitFor();
  const marked = group(page, 'first.png').getByRole('listitem').filter({ hasText: 'Best copy' });
  assert.equal(await marked.count(), 1);
  assert.equal(await marked.getByRole('link').getAttribute('aria-label'), 'first.png');
  await marked.getByText('640 × 480, png').waitFor();
  await until(() => group(page, 'first.png').locator('img').evaluateAll(images =>
    images.length === 3 && images.every(image => image.complete && image.naturalWidth > 0)), 'the pictures');
});

check('deleting, and keeping only one, can be taken back', async page => {
  const before = await image_count();
  await page.goto('/duplicates');
  await button(page, 'Keep only second.png').click();
  await becomes(() => groups(page), [FIRST, THIRD]);
  await undo(page);
  await becomes(() => groups(page), [FIRST, SECOND, THIRD]);
  await button(page, 'Delete first.png').click();
  await becomes(() => groups(page), [FIRST.slice(1), SECOND, THIRD]);
  await undo(page);
  await becomes(() => groups(page), [FIRST, SECOND, THIRD]);
  await button(page, 'Keep only first.png').click();
  await page.getByText('2 images deleted').waitFor();
  await undo(page);
  await becomes(() => groups(page), [FIRST, SECOND, THIRD]);
  assert.equal(await image_count(), before);
});

check('what is no duplicate is remembered, and can be taken back', async page => {
  await page.goto('/duplicates');
  await button(page, 'first-small.jpg is not a duplicate').click();
  await becomes(() => groups(page), [FIRST.slice(0, 2), SECOND, THIRD]);
  await page.getByText('first-small.jpg is no longer listed here').waitFor();
  await undo(page);
  await becomes(() => groups(page), [FIRST, SECOND, THIRD]);
  await button(page, 'third-small.jpg is not a duplicate').click();
  await becomes(() => groups(page), [FIRST, SECOND]);
  await page.getByText('third-small.jpg is no longer listed here').waitFor();
  await page.reload();
  await becomes(() => groups(page), [FIRST, SECOND]);
});

check('by keyboard alone, to the last group; the files stay', async page => {
  await page.goto('/duplicates');
  await becomes(() => groups(page), [FIRST, SECOND]);
  const focus = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  const top = await page.getByRole('region', { name: /^Copies of / }).first().getByRole('link').first()
    .getAttribute('aria-label');
  const [upper, lower] = top === 'first.png' ? [FIRST, SECOND] : [SECOND, FIRST];
  await page.getByRole('link', { name: upper[0], exact: true }).focus();
  await page.keyboard.press('ArrowDown');
  assert.equal(await focus(), lower[0]);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focus(), upper[1]);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('k');
  await becomes(() => groups(page), [lower]);
  await becomes(focus, lower[0]);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Delete');
  await becomes(focus, lower.length === 3 ? lower[2] : null);
  if (lower.length === 3) await page.keyboard.press('Delete');
  await page.getByRole('heading', { name: 'No duplicates' }).waitFor();
  await until(async () => (await image_count()) === 5, 'they are gone');  // of eight
  for (const name of [...FIRST, ...SECOND]) assert.ok(fs.existsSync(at.picture(name)), name);
  await page.reload();
  await page.getByRole('heading', { name: 'No duplicates' }).waitFor();
});
