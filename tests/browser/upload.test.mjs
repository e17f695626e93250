// Bringing pictures in with a real browser, and what the page tells of work in the background.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { copy_into, json, scratch } from '../cli/mimeme.mjs';
import { serve } from '../http/server.mjs';
import { becomes, browsing, button, cards, files, first, hand_over, list, place, until } from './browser.mjs';
import { make_library } from './library.mjs';

let server, at;
after(() => server?.end());  // before scratch() takes its library away
const folder = scratch();
before(async () => {
  at = await make_library(folder);
  server = await serve(at.library);
});
const check = browsing(() => server.address);

const uploads = page => list(page, 'Uploads').getByRole('listitem');
const upload = (page, name) => uploads(page).filter({ hasText: name });
const done = (page, n) => page.getByText(`${n} of ${n === 1 ? '1 file' : `${n} files`} done`).waitFor();

check('a new picture is added, and what is of its template is most like it', async page => {
  await page.goto('/upload');
  await page.getByLabel('Choose files').setInputFiles(at.other('friend3.png'));
  await upload(page, 'friend3.png').getByText('Added').waitFor();
  await upload(page, 'friend3.png').getByRole('link').click();
  await page.getByRole('heading', { level: 1, name: 'friend3.png' }).waitFor();
  await until(async () => /^friend[012]\.png$/.test(await first(page, 'Similar images')), 'its family comes first');
  // Its words are read afterwards.
  await becomes(async () => {
    await page.reload();
    await page.getByRole('heading', { level: 1 }).waitFor();
    return (await page.getByRole('listitem').allInnerTexts()).some(text => /SOME ?OTHER ?DAY/i.test(text));
  }, true);
});

check('the same again is known; what is no picture fails with a reason, and the others go on', async page => {
  await page.goto('/upload');
  const names = ['friend3.png', 'notes.txt', 'broken.png', 'fresh.png'];
  await page.getByLabel('Choose files').setInputFiles(names.map(at.other));
  await done(page, 4);
  await upload(page, 'friend3.png').getByText('Already in the library').waitFor();
  await upload(page, 'notes.txt').getByText('Failed: Not a picture').waitFor();
  assert.match(await upload(page, 'broken.png').innerText(), /Failed: \S+/);
  await upload(page, 'fresh.png').getByText('Added').waitFor();
  await upload(page, 'broken.png').getByRole('button', { name: 'Try again' }).click();
  await done(page, 4);
  await button(page, 'Clear finished').click();
  await becomes(() => uploads(page).count(), 0);
});

check('the page of uploads adds what is pasted; elsewhere, several that are dropped are added too', async page => {
  await page.goto('/upload');
  await hand_over(page, 'paste', at.other('fresher.png'));
  await upload(page, 'fresher.png').getByText('Added').waitFor();
  await page.getByRole('link', { name: 'Settings' }).first().click();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await hand_over(page, 'drop', at.other('fresh.png'), at.other('fresher.png'));
  await until(() => place(page) === '/upload', 'the page of uploads');
  await done(page, 3);
  assert.equal(await upload(page, 'fresh.png').getByText('Already in the library').count(), 1);
});

check('an image that came by another way is shown by itself', async page => {
  await page.goto('/');
  await cards(page).first().waitFor();
  const before = await page.evaluate(() => performance.timeOrigin);
  copy_into(folder, [at.stamps[50]]);
  json(at.library, 0, 'add', `${folder}/0000-${at.stamps[50].split('/').pop()}`, '--no-words');
  await becomes(() => first(page), `0000-${at.stamps[50].split('/').pop()}`);
  assert.equal(await page.evaluate(() => performance.timeOrigin), before, 'without a reload');
});

check('who looks further down is told of new images, and not disturbed', { viewport: { width: 500, height: 400 } },
  async page => {
    await page.goto('/');
    await cards(page).first().waitFor();
    await page.evaluate(() => scrollTo(0, 600));
    const name = at.stamps[51].split('/').pop();
    copy_into(folder, [at.stamps[51]]);
    json(at.library, 0, 'add', `${folder}/0000-${name}`, '--no-words');
    await button(page, '1 new image').waitFor();
    assert.equal(await page.evaluate(() => scrollY), 600);
    await button(page, '1 new image').click();
    await becomes(() => first(page), `0000-${name}`);
  });

check('Status shows work while it is done, and what it brought', async (page, context) => {
  const wall = await context.newPage();
  await wall.goto('/');
  await cards(wall).first().waitFor();
  const before = (await files(wall)).length;
  copy_into(`${at.pictures}/more`, at.stamps.slice(12, 50));
  await page.goto('/status');
  await button(page, 'Look for new files').click();
  const job = list(page, 'Work in the background').getByRole('listitem').filter({ hasText: 'Look for new files' });
  await job.getByRole('progressbar').waitFor();
  const seen = new Set();
  await until(async () => {
    const text = await job.first().innerText();
    seen.add(text.match(/(\d+) of \d+/)?.[1]);
    return /Done/.test(text);
  }, 'the scan ends', 120);
  assert.ok(seen.size > 2, `progress was seen: ${[...seen]}`);
  await page.getByText(String(before + 38), { exact: true }).first().waitFor();
  await wall.bringToFront();
  await until(async () => (await wall.getByText(`${before + 38} images`).count()) === 1, 'the wall grew');
});

check('work can be cancelled', async page => {
  copy_into(`${at.pictures}/even_more`, at.stamps.slice(52, 60));
  await page.goto('/status');
  await button(page, 'Look for new files').click();
  await button(page, 'Cancel Look for new files').click();
  const job = list(page, 'Work in the background').getByRole('listitem').first();
  // On a fast machine it may have been done already.
  await until(async () => /Cancelled|Done/.test(await job.innerText()), 'it ends');
});
