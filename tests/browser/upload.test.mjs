// Bringing pictures in with a real browser, and what the page tells of work in the background.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { copy_into, json } from '../cli/mimeme.mjs';
import { becomes, button, cards, files, first, hand_over, list, place, until } from './browser.mjs';
import { served } from './library.mjs';

const at = served(), { check } = at;

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

check('what the library has is not sent again, where the browser can tell', async page => {
  const sent = [];
  page.on('request', request => request.method() === 'POST' && sent.push(request.url()));
  const again = async () => {
    await page.goto('/upload');
    await page.getByLabel('Choose files').setInputFiles(at.other('friend3.png'));
    await upload(page, 'friend3.png').getByText('Already in the library').waitFor();
    await upload(page, 'friend3.png').getByRole('link', { name: 'friend3.png' }).waitFor();
  };
  await again();
  assert.deepEqual(sent, []);
  // Over plain http it cannot.
  await page.addInitScript(() => Object.defineProperty(crypto, 'subtle', { value: undefined }));
  await again();
  assert.equal(sent.length, 1);
});

check('a folder is chosen: its pictures are added, those of folders in it too, and nothing else', async page => {
  const chosen = path.join(at.folder, 'chosen');
  copy_into(chosen, at.stamps.slice(56, 57));
  copy_into(path.join(chosen, 'deeper'), at.stamps.slice(57, 58));
  fs.copyFileSync(at.other('notes.txt'), path.join(chosen, 'notes.txt'));
  fs.writeFileSync(path.join(chosen, '.directory'), 'of the desktop\n');
  await page.goto('/upload');
  await page.getByLabel('Choose a folder').setInputFiles(chosen);
  await done(page, 2);
  for (const stamp of at.stamps.slice(56, 58)) await upload(page, path.basename(stamp)).getByText('Added').waitFor();
  await page.getByRole('status', { name: 'Notifications' }).getByText('2 files are no pictures').waitFor();
});

check('a picture that another app shares is searched with', async page => {
  await page.goto('/');
  await until(() => page.evaluate(() => Boolean(navigator.serviceWorker.controller)), 'the worker takes over');
  // As Android does it: a form of the shape that the manifest tells.
  const { share_target: target } = await (await fetch(`${at.server.address}/manifest.webmanifest`)).json();
  const picture = fs.readFileSync(at.other('edited.jpg')).toString('base64');
  await page.evaluate(([{ action, method, enctype, params }, picture]) => {
    const form = Object.assign(document.createElement('form'), { action, method, enctype });
    const field = Object.assign(document.createElement('input'), { type: 'file', name: params.files[0].name });
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(atob(picture), c => c.charCodeAt(0))], 'shared.jpg', { type: 'image/jpeg' }));
    field.files = files.files;
    form.append(field);
    document.body.append(form);
    form.submit();
  }, [target, picture]);
  await until(() => /^\/search\?like=[0-9a-f]{32}$/.test(place(page)), 'a search with it');
  await becomes(() => first(page), 'alone.png');
  // It is not searched with again.
  await page.goBack();
  await cards(page).first().waitFor();
  assert.equal(place(page), '/');
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
  copy_into(at.folder, [at.stamps[50]]);
  json(at.library, 0, 'add', `${at.folder}/0000-${at.stamps[50].split('/').pop()}`, '--no-words');
  await becomes(() => first(page), `0000-${at.stamps[50].split('/').pop()}`);
  assert.equal(await page.evaluate(() => performance.timeOrigin), before, 'without a reload');
});

check('who looks further down is told of new images, and not disturbed', { viewport: { width: 500, height: 400 } },
  async page => {
    await page.goto('/');
    await cards(page).first().waitFor();
    await page.evaluate(() => scrollTo(0, 600));
    const name = at.stamps[51].split('/').pop();
    copy_into(at.folder, [at.stamps[51]]);
    json(at.library, 0, 'add', `${at.folder}/0000-${name}`, '--no-words');
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
