// Searching in a real browser: by words, by pictures, by both, and what the address tells of it.
import assert from 'node:assert/strict';
import {
  becomes, button, cards, chips, files, files_of, first, hand_over, list, place, search, slider, until,
} from './browser.mjs';
import { HOSTILE, number_of, served } from './library.mjs';

const at = served(), { check } = at;

check('words in a picture find it, and it shows why it matched', async page => {
  await page.goto('/');
  await search(page, 'not today');
  await becomes(() => first(page), 'friend0.png');
  assert.equal(place(page), '/search?q=not+today');
  await cards(page).first().hover();
  const why = page.getByRole('note');
  await becomes(() => why.locator('mark').allInnerTexts().then(marks => marks.join(' ').toLowerCase().includes('today')), true);
  await why.getByText('Says').first().waitFor();
  assert.ok(await cards(page).first().locator('polygon').count(), 'the words are marked in the picture');
});

check('a minus leaves out what says the word', async page => {
  await page.goto('/');
  await search(page, 'batman');
  await until(async () => (await files(page)).includes('together.png'), 'both are found');
  await button(page, 'Remove batman').click();
  await search(page, 'batman -robin');
  await becomes(() => first(page), 'alone.png');
  assert.ok(!(await files(page)).includes('together.png'));
});

check('Unlike turns a word around, and the address says so', async page => {
  await page.goto('/search?q=batman&q=robin');
  await becomes(() => first(page), 'together.png');
  await button(page, 'Unlike robin').click();
  await until(() => place(page) === '/search?q=batman&q=robin&weight=-1', 'the address follows');
  await until(async () => {
    const found = await files(page), together = found.indexOf('together.png');
    return found.includes('alone.png') && (together < 0 || found.indexOf('alone.png') < together);
  }, 'the order turns around');
  assert.equal(await button(page, 'Unlike robin').getAttribute('aria-pressed'), 'true');
});

check('several chips with weights: the address is the view, also after a reload and when going back', async page => {
  await page.goto('/');
  await search(page, 'batman');
  await cards(page).first().waitFor();
  await search(page, 'friend');
  await until(async () => (await chips(page).count()) === 2, 'a second chip');
  await page.getByRole('combobox', { name: 'Weight of friend' }).selectOption('5');
  await until(() => place(page) === '/search?q=batman&q=friend&weight=5', 'the address follows');
  // What was found before stays in sight until then.
  await page.locator('section[aria-busy="false"]').waitFor();
  await until(async () => /^friend/.test(await first(page)), 'the heavier one leads');
  const shown = await files(page);
  await page.reload();
  await becomes(() => files(page), shown);
  assert.equal(await page.getByRole('combobox', { name: 'Weight of friend' }).inputValue(), '5');
  assert.equal(await chips(page).count(), 2);
  await page.goBack();
  await until(async () => place(page) === '/search?q=batman' && (await chips(page).count()) === 1, 'one chip again');
  await becomes(async () => (await first(page))?.match(/alone|together/)?.length, 1);
  await page.goForward();
  await becomes(() => files(page), shown);
  await page.getByRole('link', { name: 'Clear search' }).click();
  await until(() => place(page) === '/', 'the library');
});

check('a chip goes back into the field to be changed', async page => {
  await page.goto('/search?q=batmann');
  await button(page, 'Edit “batmann”').click();
  await becomes(() => page.getByRole('searchbox').inputValue(), 'batmann');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Enter');
  await until(() => place(page) === '/search?q=batman', 'the changed one');
});

check('the threshold acts at once and asks nothing of the server', async page => {
  await page.goto('/search?q=not+today&min=0');
  await until(async () => (await cards(page).count()) > 1, 'several hits');
  const all = await files(page), asked = [];
  page.on('request', request => asked.push(request.url()));
  await slider(page).fill('1');
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
  await until(() => place(page).endsWith('min=1.00'), 'the address follows');
  await button(page, 'Show the nearest').click();
  await becomes(() => first(page), all[0]);
  await slider(page).fill('0');
  await becomes(() => files(page), all);
  assert.deepEqual(asked.filter(url => url.includes('/search')), []);
  // What the address says holds after a reload.
  await slider(page).fill('1');
  await until(() => place(page).endsWith('min=1.00'), 'the address follows');
  await page.reload();
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
});

check('what nobody drew is no good match', async page => {
  await page.goto('/search?q=xylophone+quartet');
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
});

for (const how of ['paste', 'drop']) {
  check(`${how}: an edited copy finds its original`, async page => {
    await page.goto('/');
    await cards(page).first().waitFor();
    await hand_over(page, how, at.other('edited.jpg'));
    await until(() => /^\/search\?like=[0-9a-f]{32}$/.test(place(page)), 'an address for the picture');
    await becomes(() => first(page), 'alone.png');
    await chips(page).getByRole('img', { name: 'your picture' }).waitFor();
    // Along with words: the picture that is searched for already stays.
    await search(page, 'friend');
    await until(() => /like=[0-9a-f]{32}&q=friend$/.test(place(page)), 'both in the address');
    await page.reload();
    await until(async () => (await chips(page).count()) === 2 && (await cards(page).count()) > 0, 'the same search');
  });
}

check('a chosen file finds its original; one that the library has is known by its number', async page => {
  await page.goto('/');
  await page.getByLabel('Search with a picture').setInputFiles(at.other('edited.jpg'));
  await becomes(() => first(page), 'alone.png');
  await page.goto('/');
  await page.getByLabel('Search with a picture').setInputFiles(at.picture('friend1.png'));
  const id = await number_of(at.server.address, 'friend1.png');
  await until(() => place(page) === `/search?like=${id}`, 'its number');
  await until(async () => /^friend[02]/.test(await first(page)), 'another of the family, not itself');
});

const barred = async page => {
  await page.goto('/');
  await page.getByLabel('Search with a picture').setInputFiles(at.other('barred.jpg'));
  await becomes(() => files_of(page, 'Same picture'), ['friend0.png']);
};
const IMAGES = 21;
const index = page => page.evaluate(() => Number(document.activeElement.dataset.index));

check('a picture alone: the same, those of its template, those that are related, each told from the others', async page => {
  await barred(page);
  assert.deepEqual((await files_of(page, 'Same template')).sort(), ['friend1.png', 'friend2.png']);
  const headings = () => page.getByRole('heading', { level: 2 }).allInnerTexts();
  assert.deepEqual((await headings()).slice(0, 2), ['Same picture', 'Same template']);
  await page.getByRole('region', { name: 'Same template' }).getByText('2 images').waitFor();
  assert.equal(await page.getByRole('heading', { name: 'No good match' }).count(), 0);
  // The threshold is one for all.
  await slider(page).fill('0');
  await becomes(headings, ['Same picture', 'Same template', 'Related']);
  const all = await files(page);
  await slider(page).fill('0.9');
  await becomes(headings, ['Same picture']);
  await becomes(() => files(page), ['friend0.png']);
  await slider(page).fill('0.7');
  await becomes(() => files(page), all.slice(0, 3));
  // Along with words it is one wall, and nothing is said of templates.
  await search(page, 'friend');
  await becomes(() => headings(), []);
  assert.equal(await list(page, 'Images').count(), 1);
});

check('of what has the picture in it, a box shows where', async page => {
  await page.goto(`/search?like=${await number_of(at.server.address, 'left.png')}`);
  const both = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: /both/ }) });
  await both.hover();
  await both.locator('polygon').waitFor();
  const [picture, box] = [await both.boundingBox(), await both.locator('polygon').boundingBox()];
  assert.ok(Math.abs(box.x - picture.x) < picture.width / 10, 'at its left');
  assert.ok(Math.abs(box.width / picture.width - 0.5) < 0.1, 'half of it');
});

check('arrow keys lead from one relation to the next; the neighbours of an image are those of all', async page => {
  await barred(page);
  await slider(page).fill('0');
  await page.getByRole('region', { name: 'Related' }).waitFor();
  const all = await files(page);
  await cards(page).first().focus();
  const last = IMAGES - 1;
  // Each wall is one stop of Tab.
  for (const [key, to] of [['Tab', 1], ['Tab', 3], ['ArrowUp', 1], ['ArrowUp', 0], ['ArrowUp', 0], ['ArrowDown', 1], ['ArrowRight', 2],
    ['ArrowDown', 4], ['End', last], ['Home', 0], ['ArrowDown', 1]]) {
    await page.keyboard.press(key);
    await until(async () => (await index(page)) === to, `${key} leads to ${to}`);
  }
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: all[1] }).waitFor();
  await button(page, 'Previous image').click();
  await page.getByRole('heading', { level: 1, name: 'friend0.png' }).waitFor();
  for (const name of all.slice(1, 4)) {
    await button(page, 'Next image').click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
  }
  await button(page, 'Back').click();
  await becomes(() => index(page), 3);
});

check('a picture of nothing is no good match, and the nearest are shown when asked for', async page => {
  await page.goto('/');
  await page.getByLabel('Search with a picture').setInputFiles(at.other('nothing.png'));
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
  await page.getByText('Neither this picture nor another of its template is in the library.').waitFor();
  assert.equal(await cards(page).count(), 0);
  await button(page, 'Show the nearest').click();
  await until(async () => (await files_of(page, 'Related')).length > 0, 'the nearest');
  // What they are is still said.
  await page.getByRole('heading', { name: 'No good match' }).waitFor();
  assert.deepEqual(await page.getByRole('heading', { level: 2 }).allInnerTexts(), ['No good match', 'Related']);
});

check('dropping shows what will happen, and what is no picture is refused in words', async page => {
  await page.goto('/');
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
    document.body.dispatchEvent(new DragEvent('dragenter', { dataTransfer, bubbles: true }));
  });
  await page.getByText('Drop to search with this picture').waitFor();
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
    document.body.dispatchEvent(new DragEvent('dragleave', { dataTransfer, bubbles: true }));
  });
  await page.getByText('Drop to search with this picture').waitFor({ state: 'detached' });
  await hand_over(page, 'drop', at.other('notes.txt'));
  await page.getByRole('status', { name: 'Notifications' }).getByText('notes.txt is not a picture').waitFor();
  assert.equal(place(page), '/');
});

check('a picture that cannot be read is told apart', { expects: [/status of 4(15|22)/] }, async page => {
  await page.goto('/');
  await page.getByLabel('Search with a picture').setInputFiles(at.other('broken.png'));
  await until(async () => /picture|image|format/i.test(await page.getByRole('status', { name: 'Notifications' }).innerText()) &&
    !/Looking/.test(await page.getByRole('status', { name: 'Notifications' }).innerText()), 'a reason');
  assert.equal(place(page), '/');
});

check('a query that makes no sense is answered with its reason', { expects: [/status of 40[04]/] }, async page => {
  await page.goto('/search?q=width%3Ewide');
  await page.getByRole('heading', { name: 'The search failed' }).waitFor();
  await page.getByText(/width/).last().waitFor();
  await page.goto('/search?like=999999');
  await page.getByRole('heading', { name: 'The search failed' }).waitFor();
  await page.goto(`/search?like=${'0'.repeat(32)}`);
  await page.getByText('Choose it again.').waitFor();
});

check('the address of the system that mimeme follows searches', async page => {
  await page.goto('/image/search?q=not+today');
  await becomes(() => first(page), 'friend0.png');
  assert.equal(place(page), '/search?q=not+today');
});

check('markup in a query or a name is text', async page => {
  await page.goto('/');
  await search(page, '<img src=x onerror=alert(1)>');
  await button(page, 'Edit “<img src=x onerror=alert(1)>”').waitFor();
  await page.goto('/search?q=onerror&min=0');
  await becomes(() => first(page), HOSTILE);
  await cards(page).first().hover();
  await page.getByRole('note').getByText(HOSTILE).first().waitFor();
  assert.equal(await page.locator('img[src="x"]').count(), 0);
});
