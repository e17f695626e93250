// A picture's web address in the search field. The server fetches nothing of this machine, so where a picture is to come
// of it, the browser sends that picture in the address's stead.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { scratch } from '../cli/mimeme.mjs';
import { serve } from '../http/server.mjs';
import { browsing, chips, place, search, until } from './browser.mjs';
import { make_library } from './library.mjs';

const URL_OF_ONE = 'https://pictures.test/edited.jpg?size=big';
let server, at;
after(() => server?.end());  // before scratch() takes its library away
const folder = scratch();
before(async () => {
  at = await make_library(folder);
  fs.writeFileSync(path.join(at.library, 'mimeme.toml'), '[serve]\nfetch_urls = true\n');
  server = await serve(at.library);
});
const check = browsing(() => server.address);
const field = page => page.getByRole('searchbox', { name: 'Search' });

async function send_instead(page, file) {
  const urls = [];
  await page.route('**/api/v1/queries', route => {
    urls.push(route.request().postDataJSON().url);
    return route.continue({
      headers: { ...route.request().headers(), 'content-type': 'application/octet-stream' },
      postData: fs.readFileSync(file),
    });
  });
  return urls;
}

const ways = {
  typed: page => search(page, URL_OF_ONE),
  pasted: async page => {
    await field(page).focus();
    await page.evaluate(text => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', text);
      document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, URL_OF_ONE);
  },
};
for (const [how, give] of Object.entries(ways)) {
  check(`a picture's address, ${how}, becomes a picture of the search`, async page => {
    const urls = await send_instead(page, at.other('edited.jpg'));
    await page.goto('/search?q=friend');
    await give(page);
    await until(() => /^\/search\?q=friend&like=[0-9a-f]{32}$/.test(place(page)), 'an address for the picture');
    await chips(page).getByRole('img', { name: 'your picture' }).waitFor();
    assert.equal(await field(page).inputValue(), '');
    await page.reload();
    await until(async () => (await chips(page).count()) === 2, 'the same search');
    assert.deepEqual(urls, [URL_OF_ONE], 'it is fetched once');
  });
}

check('what cannot be fetched is said, and stays in the field', { expects: [/status of 422/] }, async page => {
  await page.goto('/');
  await search(page, 'https://127.0.0.1/x.png');
  await page.getByText('nothing could be fetched').waitFor();
  assert.equal(await field(page).inputValue(), 'https://127.0.0.1/x.png');
  assert.equal(place(page), '/');
});

check('where it is not allowed, an address is words', async page => {
  await page.route('**/api/v1/status', async route => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...await response.json(), fetch_urls: false } });
  });
  await page.goto('/');
  await search(page, 'https://127.0.0.1/alone.png');
  await until(() => place(page).startsWith('/search?q=https://127.0.0.1/alone.png'), 'a search by words');
});
