// One image in a real browser: what is said of it, its family, its parts, its neighbours, its end.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { becomes, button, cards, files, files_of, first, list, place, search, until } from './browser.mjs';
import { HOSTILE, number_of, served } from './library.mjs';

const at = served(), { check } = at;

const number = name => number_of(at.server.address, name);
const open = async (page, name) => {
  await page.goto(`/image/${await number(name)}`);
  await page.getByRole('heading', { level: 1, name }).waitFor();
};
const description = page => page.getByRole('textbox', { name: 'Description' });
const notifications = page => page.getByRole('status', { name: 'Notifications' });
const save = page => button(page, 'Save').click();

check('a description that is edited finds the image', async page => {
  await open(page, 'right.png');
  const automatic = await description(page).inputValue();
  await description(page).fill('a marvellous zeppelin');
  await button(page, 'Revert').click();
  assert.equal(await description(page).inputValue(), automatic);
  await description(page).fill('a marvellous zeppelin');
  await save(page);
  await notifications(page).getByText('Saved').waitFor();
  await search(page, 'zeppelin');
  await becomes(() => first(page), 'right.png');
  await cards(page).first().hover();
  await becomes(() => page.getByRole('note').locator('mark').allInnerTexts(), ['zeppelin']);
  await page.goBack();
  await button(page, 'Use the automatic one').click();
  await becomes(() => description(page).inputValue(), automatic);
  await page.goto('/search?q=zeppelin');
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
});

check('a category that is named is suggested for those that are alike, and accepted in Categories', async page => {
  await open(page, 'friend0.png');
  await page.getByRole('combobox', { name: 'Category' }).fill('Old Friend');
  await save(page);
  await page.getByRole('link', { name: 'See all of it' }).waitFor();
  // A page of suggestions holds one: the others are asked for by themselves.
  const asked = [];
  await page.route('**/api/v1/suggestions?*', route => {
    asked.push(new URL(route.request().url()).searchParams.get('cursor'));
    return route.continue({ url: route.request().url().replace(/limit=\d+/, 'limit=1') });
  });
  const group = page.getByRole('region', { name: 'Old Friend' });
  const suggested = name => group.getByRole('button', { name: `Accept Old Friend for ${name}` });
  await page.getByRole('link', { name: 'Categories' }).first().click();
  await suggested('friend1.png').waitFor();
  await suggested('friend2.png').waitFor();
  assert.ok(asked.length >= 2 && new Set(asked).size === asked.length, `${asked}`);
  await suggested('friend1.png').focus();
  await page.keyboard.press('Enter');
  await suggested('friend1.png').waitFor({ state: 'detached' });
  // The keyboard goes on at a neighbour.
  await becomes(() => page.evaluate(() => /^Accept Old Friend for /.test(document.activeElement.ariaLabel)), true);
  await open(page, 'friend1.png');
  assert.equal(await page.getByRole('combobox', { name: 'Category' }).inputValue(), 'Old Friend');
  // On its own page too, a suggestion is answered.
  await open(page, 'friend2.png');
  await page.getByText('Is it “Old Friend”?').waitFor();
  await button(page, 'Accept').click();
  await becomes(() => page.getByRole('combobox', { name: 'Category' }).inputValue(), 'Old Friend');
  await page.getByRole('link', { name: 'See all of it' }).click();
  await becomes(async () => (await files(page)).filter(name => /^friend/.test(name)).length, 3);
});

check('a category refused is not suggested again', async page => {
  await open(page, 'both.png');
  await page.getByRole('combobox', { name: 'Category' }).fill('Pairs');
  await save(page);
  await page.getByRole('link', { name: 'See all of it' }).waitFor();
  await page.goto('/families');
  await list(page, 'Categories').getByRole('link', { name: 'Pairs' }).waitFor();
  const group = page.getByRole('region', { name: 'Pairs' });
  if (await group.count()) {
    await group.getByRole('button', { name: 'Refuse all' }).click();
    await group.waitFor({ state: 'detached' });
    await page.reload();
    await list(page, 'Categories').getByRole('link', { name: 'Pairs' }).waitFor();
    assert.equal(await group.count(), 0);
  }
});

// The right half of both.png is right.png.
const finds_half = async page => {
  const id = await number('both.png');
  await until(() => place(page).startsWith(`/search?like=${id}&box=`), 'a box in the address');
  const box = place(page).match(/box=([\d.,]+)/)[1].split(',').map(Number);
  await becomes(() => first(page), 'right.png');
  await page.reload();
  await becomes(() => first(page), 'right.png');
  return box;
};

check('a part that is drawn with the mouse is searched for', async page => {
  await open(page, 'both.png');
  await button(page, 'Search a part').click();
  const { x, y, width, height } = await page.getByRole('application', { name: 'Part to search' }).boundingBox();
  await page.mouse.move(x + width * 0.5, y + 2);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.8, y + height * 0.6);
  await page.mouse.move(x + width - 2, y + height - 2);
  await page.mouse.up();
  await button(page, 'Search this part').click();
  const [left, top, across, down] = await finds_half(page);
  assert.ok(Math.abs(left - 0.5) < 0.02 && top < 0.02 && across > 0.47 && down > 0.97, `${[left, top, across, down]}`);
});

check('a part that is set by keys is searched for', async page => {
  await open(page, 'both.png');
  await button(page, 'Search a part').focus();
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => document.activeElement.getAttribute('role') === 'application'), 'it has the focus');
  for (let i = 0; i < 13; ++i) {
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowUp');
  }
  for (let i = 0; i < 26; ++i) await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Enter');
  assert.deepEqual(await finds_half(page), [0.5, 0, 0.5, 1]);
});

check('deleting can be taken back', async page => {
  await page.goto('/');
  const link = cards(page).filter({ has: page.locator(':scope') }).nth(2);
  await link.waitFor();
  const name = await link.getAttribute('aria-label');
  await link.click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await button(page, 'Delete').click();
  await until(async () => place(page) === '/' && !(await files(page)).includes(name), 'it is gone from the wall');
  await button(page, 'Undo').click();
  await until(async () => (await files(page)).includes(name), 'it is back');
  await page.reload();
  await until(async () => (await files(page)).includes(name), 'it stays');
});

check('what is deleted and not taken back is gone after a reload', { expects: [/status of 404/] }, async page => {
  const id = await number('left.png');
  await page.goto('/');
  await page.getByRole('link', { name: 'left.png', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'left.png' }).waitFor();
  await button(page, 'Delete').click();
  await button(page, 'Undo').waitFor();
  await page.reload();
  await cards(page).first().waitFor();
  await until(async () => (await fetch(`${at.server.address}/api/v1/images/${id}`)).status === 404, 'the server forgot it');
  await page.reload();
  await cards(page).first().waitFor();
  assert.ok(!(await files(page)).includes('left.png'));
  await page.goto(`/image/${id}`);
  await page.getByRole('heading', { level: 1, name: 'There is no such image' }).waitFor();
  assert.ok(fs.existsSync(at.picture('left.png')), 'the file stays');
});

check('the original is downloaded under its own name, byte for byte', async page => {
  await open(page, 'alone.png');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), 'alone.png');
  assert.deepEqual(fs.readFileSync(await download.path()), fs.readFileSync(at.picture('alone.png')));
});

check('the image and its link are copied', { permissions: ['clipboard-read', 'clipboard-write'] }, async page => {
  await open(page, 'alone.png');
  await button(page, 'Copy link').click();
  await notifications(page).getByText('Link copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
  await button(page, 'Copy image').click();
  await notifications(page).getByText('Image copied').waitFor();
  assert.deepEqual(await page.evaluate(async () => (await navigator.clipboard.read())[0].types), ['image/png']);
});

check('the words in a picture are listed, and shown where they are', async page => {
  await open(page, 'together.png');
  await page.getByText('BATMAN').waitFor();
  await page.getByRole('checkbox', { name: 'Show on the picture' }).check();
  await until(async () => (await page.locator('main polygon').count()) >= 2, 'a box for each line');
});

check('neighbours are those of the list that it was opened from', async page => {
  await page.goto('/search?q=old+friend');
  await until(async () => (await cards(page).count()) >= 3, 'three hits');
  const found = await files(page);
  await cards(page).first().click();
  await page.getByRole('heading', { level: 1, name: found[0] }).waitFor();
  assert.ok(await button(page, 'Previous image').isDisabled());
  await button(page, 'Next image').click();
  await page.getByRole('heading', { level: 1, name: found[1] }).waitFor();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('heading', { level: 1, name: found[2] }).waitFor();
  await button(page, 'Back').click();
  await until(() => place(page) === '/search?q=old+friend', 'back at the search, not at a neighbour');
  await becomes(() => page.evaluate(() => document.activeElement.getAttribute('data-index')), '2');
});

check('the address of the system that mimeme follows leads to what is similar', async page => {
  await page.goto('/image/similar/friend0.png');
  const id = await number('friend0.png');
  await until(() => place(page) === `/image/${id}#similar`, 'its own address');
  await until(async () => /^friend[12]/.test(await first(page, 'Similar images')), 'its family');
  await becomes(() => page.getByRole('heading', { name: 'Similar images' }).evaluate(node => {
    const { top, bottom } = node.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  }), true);
  await page.goto('/image/similar/nothing.png');
  await page.getByText('No image is named nothing.png').waitFor();
});

check('what is similar is told apart: those of the template, those that are merely near', async page => {
  await open(page, 'friend0.png');
  await until(async () => (await files_of(page, 'Same template')).length > 0, 'its template');
  assert.deepEqual((await files_of(page, 'Same template')).sort(), ['friend1.png', 'friend2.png']);
  await page.getByRole('heading', { level: 3, name: 'Same template' }).waitFor();
  assert.equal(await page.getByRole('region', { name: 'Same picture' }).count(), 0);
  await open(page, '0004-Woodlouse.png');
  await page.getByText('Nothing in the library looks like it.').waitFor();
  assert.equal(await cards(page, 'Similar images').count(), 0);
  await button(page, 'Show the nearest').click();
  await until(async () => (await files_of(page, 'Related')).length > 0, 'the nearest');
});

check('markup in names, descriptions and categories is text', async page => {
  await open(page, HOSTILE);
  await description(page).fill('<script>alert(2)</script><img src=x onerror=alert(3)>');
  await save(page);
  await notifications(page).getByText('Saved').waitFor();
  await page.getByRole('combobox', { name: 'Category' }).fill('<b onmouseover=alert(4)>bold</b>');
  await save(page);
  await page.getByRole('link', { name: 'See all of it' }).waitFor();
  for (const address of [place(page), '/families', '/', '/search?q=onerror&min=0', '/search?q=alert&min=0']) {
    await page.goto(address);
    await page.getByText(/onerror|onmouseover/).or(cards(page)).first().waitFor();
    for (const link of await cards(page).all()) if (/onerror/.test(await link.getAttribute('aria-label'))) await link.hover();
    assert.equal(await page.locator('img[src="x"], main b, main script').count(), 0, address);
  }
});
