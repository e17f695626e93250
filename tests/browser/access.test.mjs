// Who uses it and on what: by keyboard alone, on a phone, in the dark, without motion, with a screen reader.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import sharp from 'sharp';
import {
  DESKTOP, PHONE, becomes, button, cards, files, first, list, place, search, slider, until,
} from './browser.mjs';
import { HOSTILE, make_library, number_of, served } from './library.mjs';

const image = {};
const at = served(make_library, async () => {
  for (const name of ['friend0.png', 'friend1.png', HOSTILE]) image[name] = await number_of(at.server.address, name);
  // So that Categories has something to show, and an image something to answer.
  await fetch(`${at.server.address}/api/v1/images/${image['friend0.png']}`, {
    method: 'PATCH', body: JSON.stringify({ category: 'Old Friend' }), headers: { 'Content-Type': 'application/json' },
  });
});
const { check } = at;

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const pages = () => [
  ['/', cards],
  ['/search?q=old+friend', cards],
  [`/search?q=friend&weight=2&like=${image['friend0.png']}&box=0.1,0.1,0.5,0.5&weight=-1&min=0`, cards],
  ['/search?q=friend&min=1', page => page.getByRole('heading', { name: 'No good match' })],
  ['/search', page => page.getByText('Search by words, by pictures')],
  [`/search?like=${image['friend0.png']}&min=0`, page => page.getByRole('region', { name: 'Same template' })],
  [`/search?like=${image[HOSTILE]}&min=0`, page => page.getByRole('region', { name: 'Related' })],
  [`/image/${image['friend1.png']}`, page => cards(page, 'Similar images')],
  ['/image/999999', page => page.getByRole('heading', { name: 'There is no such image' })],
  ['/upload', page => page.getByRole('heading', { name: 'Add pictures' })],
  ['/families', page => page.getByRole('region', { name: 'Old Friend' })],
  ['/families', page => page.getByRole('region', { name: /^Images like friend/ })],
  ['/duplicates', page => page.getByRole('heading', { name: 'No duplicates' })],
  ['/status', page => page.getByText('Described by you')],
  ['/settings', page => page.getByRole('heading', { name: 'Settings' })],
  ['/nothing/here', page => page.getByRole('heading', { name: 'Nothing is here' })],
];

async function no_violation(page, what) {
  // Contrast is that of what has arrived. What goes with scrolling, or for ever, never comes to rest.
  await until(() => page.evaluate(() => document.getAnimations().every(animation => animation.playState !== 'running' ||
    !(animation.timeline instanceof DocumentTimeline) ||
    animation.effect.getComputedTiming().endTime === Infinity)), 'it rests');
  if (!(await page.evaluate(() => Boolean(window.axe)))) await page.evaluate(axe);
  const violations = await page.evaluate(async () =>
    (await window.axe.run(document, { resultTypes: ['violations'] })).violations);
  assert.deepEqual(violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' ')}`), [], what);
}

for (const [width, device] of [[1440, DESKTOP], [390, PHONE]]) {
  for (const colorScheme of ['light', 'dark']) {
    check(`axe finds nothing at ${width} pixels, ${colorScheme}; no page is wider than the window`,
      { ...device, colorScheme, expects: [/status of 404/] }, async page => {
        for (const [address, shown] of pages()) {
          await page.goto(address);
          await shown(page).first().waitFor();
          await no_violation(page, `${address} at ${width}, ${colorScheme}`);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(over <= 0, `${address} is ${over} pixels wider than ${width}`);
        }
      });
  }
}

check('axe finds nothing in what opens: why it matched, a part, help, uploads, undo', async page => {
  await page.goto('/search?q=old+friend');
  await cards(page).first().focus();
  await page.getByRole('note').waitFor();
  await no_violation(page, 'why it matched');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await no_violation(page, 'help');
  await page.keyboard.press('Escape');
  await page.goto(`/image/${image['friend1.png']}`);
  await button(page, 'Search a part').click();
  await page.getByRole('application', { name: 'Part to search' }).waitFor();
  await no_violation(page, 'a part');
  await button(page, 'Cancel').click();
  await page.getByRole('checkbox', { name: 'Show on the picture' }).check();
  await no_violation(page, 'words on the picture');
  await page.goto('/upload');
  await page.getByLabel('Choose files').setInputFiles([at.other('friend3.png'), at.other('notes.txt')]);
  await page.getByText('2 of 2 files done').waitFor();
  await no_violation(page, 'uploads');
  await page.goto(`/image/${image[HOSTILE]}`);
  await button(page, 'Delete').click();
  await button(page, 'Undo').waitFor();
  await no_violation(page, 'undo');
  await button(page, 'Undo').click();
});

// --- keyboard

const focus = page => page.evaluate(() => {
  const at = document.activeElement;
  return at.getAttribute('aria-label') ?? (at.labels?.[0]?.textContent || at.textContent).trim();
});
const tab_to = async (page, name, key = 'Tab') => {
  for (let i = 0; i < 500; ++i) {  // a page of pictures to decide on has many stops
    if ((await focus(page)) === name) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${name} is not reached by ${key}`);
};

check('by keyboard alone: search, move, open, neighbours, back', async page => {
  await page.goto('/');
  await cards(page).first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('old friend');
  await page.keyboard.press('Enter');
  await slider(page).waitFor();  // the search is shown, no longer the library
  await until(async () => place(page) === '/search?q=old+friend' && (await cards(page).count()) >= 3, 'hits');
  const found = await files(page);
  const index = () => page.evaluate(() => document.activeElement.dataset.index);
  await page.keyboard.press('ArrowDown');
  await becomes(index, '0');
  await page.getByRole('note').waitFor();
  await page.keyboard.press('ArrowRight');
  await becomes(index, '1');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: found[1] }).waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('heading', { level: 1, name: found[0] }).waitFor();
  await page.keyboard.press('Escape');
  await becomes(index, '0');
  assert.equal(place(page), '/search?q=old+friend');
  // The threshold.
  await slider(page).focus();
  await page.keyboard.press('End');
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
  await page.keyboard.press('Home');
  await until(async () => (await cards(page).count()) >= 3, 'hits again');
  // A backspace in the empty field takes the last chip back.
  await page.keyboard.press('/');
  assert.notEqual(await focus(page), 'Search', 'a slider keeps its keys');
  await page.getByRole('searchbox').focus();
  await page.keyboard.press('Backspace');
  await becomes(() => page.getByRole('searchbox').inputValue(), 'old friend');
});

check('by keyboard alone: every page, help, theme, deleting and undoing', async page => {
  await page.goto('/');
  await cards(page).first().waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await focus(page), 'Skip to content');
  await page.keyboard.press('Enter');
  await becomes(() => page.evaluate(() => document.activeElement.id), 'main');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor({ state: 'hidden' });
  for (const name of ['Categories', 'Status', 'Settings']) {
    await page.getByRole('searchbox').focus();
    await tab_to(page, name);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name }).waitFor();
    await becomes(() => page.evaluate(() => document.activeElement.id), 'main');
  }
  await page.keyboard.press('u');
  await page.getByRole('heading', { level: 1, name: 'Add pictures' }).waitFor();
  await tab_to(page, 'Choose files');
  await page.goto(`/image/${image[HOSTILE]}`);
  await page.getByRole('heading', { level: 1, name: HOSTILE }).waitFor();
  await tab_to(page, 'Delete');
  await page.keyboard.press('Enter');
  await button(page, 'Undo').waitFor();
  await tab_to(page, 'Undo', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await button(page, 'Undo').waitFor({ state: 'detached' });
  await until(async () => (await files(page)).includes(HOSTILE), 'it is back');
});

// --- themes and motion

const dark = page => page.evaluate(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d');
  canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
  canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data[0] < 80;
});

check('the theme is that of the system, until one is chosen, which stays', async page => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto('/settings');
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await becomes(() => dark(page), true);
  await page.emulateMedia({ colorScheme: 'light' });
  await becomes(() => dark(page), false);
  await page.getByText('Dark', { exact: true }).click();
  await becomes(() => dark(page), true);
  await page.reload({ waitUntil: 'commit' });
  // Before anything is drawn: the other theme must not flash.
  await becomes(() => page.evaluate(() => document.documentElement?.dataset.theme), 'dark');
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  assert.ok(await page.getByRole('radio', { name: 'Dark' }).isChecked());
  await page.getByRole('heading', { name: 'Settings' }).click();
  await page.keyboard.press('t');
  await becomes(() => dark(page), false);
  await page.getByText('System', { exact: true }).click();
  await page.emulateMedia({ colorScheme: 'dark' });
  await becomes(() => dark(page), true);
});

check('settings change the wall and the threshold, and stay', async page => {
  await page.goto('/settings');
  await page.getByRole('slider', { name: 'Width of the columns' }).fill('480');
  await page.getByRole('slider', { name: 'Usual threshold' }).fill('1');
  await page.goto('/');
  await until(async () => (await cards(page).first().boundingBox())?.width > 300, 'wider columns');
  await search(page, 'old friend');
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
});

// Counts what moves while the library is looked at.
async function motions(page) {
  await page.addInitScript(() => {
    window.motions = [];
    for (const kind of ['transitionrun', 'animationstart']) {
      addEventListener(kind, event => window.motions.push(`${kind} of ${event.target.className}`), true);
    }
  });
  await page.goto('/');
  await until(() => page.locator('main img').evaluateAll(all => all.length > 5 && all.every(i => i.naturalWidth)), 'pictures');
  await cards(page).first().hover();
  await page.getByRole('link', { name: 'Categories' }).first().click();
  await page.getByRole('region', { name: 'Old Friend' }).waitFor();
  await page.getByRole('link', { name: 'Status' }).first().click();
  await page.getByText('Described by you').waitFor();
  return page.evaluate(() => window.motions);
}

check('pictures come into focus', async page => {
  assert.ok((await motions(page)).length > 0);
});

// The mean colour of a PNG, as 0 … 255 each of red, green, blue.
const mean_of = async png => (await sharp(png).stats()).channels.slice(0, 3).map(({ mean }) => mean);

check('until a picture is there, its colours are', async page => {
  let let_go;
  const held = new Promise(resolve => (let_go = resolve));
  await page.route('**/thumbnail?*', async route => (await held, route.continue()));
  await page.goto('/');
  const card = page.getByRole('link', { name: 'friend0.png' });
  const picture = card.locator('img');
  await card.waitFor();
  assert.equal(await picture.evaluate(image => image.naturalWidth), 0);
  const before = await mean_of(await card.screenshot());
  let_go();
  await until(() => picture.evaluate(image => image.naturalWidth > 0 && getComputedStyle(image).opacity === '1'), 'it is there');
  const after = await mean_of(await card.screenshot());
  for (const i of [0, 1, 2]) assert.ok(Math.abs(before[i] - after[i]) < 25, `${before}, then ${after}`);
  const plain = await mean_of(Buffer.from(await (await fetch(`${at.server.address}/api/v1/images/${image['friend0.png']}/thumbnail`)).arrayBuffer()));
  for (const i of [0, 1, 2]) assert.ok(Math.abs(plain[i] - after[i]) < 12, `${plain}, shown as ${after}`);
});

check('nothing moves for whom the system says so, nor for whom the settings do', async page => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  assert.deepEqual(await motions(page), []);
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  await page.goto('/settings');
  await page.getByRole('checkbox', { name: 'Reduce motion' }).check();
  assert.deepEqual(await motions(page), []);
});

// --- a phone

check('on a phone: the bar at the bottom, a photo to search with, why it matched at a tap', PHONE, async page => {
  await page.goto('/');
  await cards(page).first().waitFor();
  const bar = page.getByRole('navigation', { name: 'Main' }).filter({ visible: true });
  assert.equal(await bar.count(), 1);
  assert.ok((await bar.boundingBox()).y > 700, 'within reach of the thumb');
  assert.ok(await page.getByLabel('Take a photo to search with').count());
  for (const link of await bar.getByRole('link').all()) {
    const { width, height } = await link.boundingBox();
    assert.ok(width >= 44 && height >= 44, `${width} × ${height}`);
  }
  await search(page, 'not today');
  await becomes(() => first(page), 'friend0.png');
  await button(page, 'Why it matched: friend0.png').tap();
  await page.getByRole('note').getByText(/today/i).first().waitFor();
  await cards(page).first().tap();
  await page.getByRole('heading', { level: 1, name: 'friend0.png' }).waitFor();
  await page.getByRole('navigation', { name: 'Main' }).filter({ visible: true }).getByRole('link', { name: 'Library' }).tap();
  await until(() => place(page) === '/', 'the library');
  await page.getByLabel('Take a photo to search with').setInputFiles(at.other('edited.jpg'));
  await becomes(() => first(page), 'alone.png');
});

check('on a phone: a part is drawn with a finger', PHONE, async (page, context) => {
  await page.goto(`/image/${image['friend0.png']}`);
  await button(page, 'Search a part').tap();
  const { x, y, width, height } = await page.getByRole('application', { name: 'Part to search' }).boundingBox();
  const client = await context.newCDPSession(page);
  const touch = (type, ...touchPoints) => client.send('Input.dispatchTouchEvent', { type, touchPoints });
  // The system takes the finger away, for a gesture of its own: nothing was drawn.
  const drawn = () => page.getByRole('application').locator('div').getAttribute('style');
  const before = await drawn();
  await touch('touchStart', { x: x + width * 0.1, y: y + height * 0.1 });
  await touch('touchMove', { x: x + width * 0.9, y: y + height * 0.9 });
  await until(async () => (await drawn()) !== before, 'it is drawn');
  await touch('touchCancel');
  await becomes(drawn, before);
  await touch('touchStart', { x: x + width * 0.2, y: y + height * 0.2 });
  await touch('touchMove', { x: x + width * 0.5, y: y + height * 0.4 });
  await touch('touchMove', { x: x + width * 0.7, y: y + height * 0.6 });
  await touch('touchEnd');
  await button(page, 'Search this part').click();
  await until(() => /like=\d+&box=0\.[12]\d*,0\.[12]\d*,0\.[45]\d*,0\.[34]/.test(place(page)), 'that part');
  await until(async () => (await list(page, 'Images').count()) > 0, 'hits');
});
