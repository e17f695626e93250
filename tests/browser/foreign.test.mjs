// A page of another site, in a browser that reaches the server: it reads, shows and changes nothing; a link leads here.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { after, test } from 'node:test';
import { copy_into, json, pick_stamps } from '../cli/mimeme.mjs';
import { launch, until } from './browser.mjs';
import { served } from './library.mjs';

let browser, site;
const at = served(folder => {
  const library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
  copy_into(pictures, pick_stamps(4));
  json(library, 0, 'add', '--no-words', pictures);
  return { library };
}, async () => {
  site = http.createServer((_, answer) => answer.setHeader('Content-Type', 'text/html')
    .end(`<a href="${at.server.address}/">memes</a>`)).listen(0, '127.0.0.1');
  await once(site, 'listening');
  browser = await launch();  // not one of at.check: that fails a test which asks another site
});
after(async () => {
  await browser?.close();
  site?.close();
});

test('a page of another site', async () => {
  const page = await (await browser.newContext()).newPage();
  const other = `http://localhost:${site.address().port}/`, status = async () => (await fetch(`${at.server.address}/api/v1/status`)).json();
  await page.goto(other);
  const { images } = await status();
  const tried = await page.evaluate(async address => {
    const loads = (tag, url) => new Promise(resolve => {
      const element = Object.assign(document.createElement(tag), { src: url });
      element.onload = () => resolve('loaded');
      element.onerror = () => resolve('refused');
      document.body.append(element);
    });
    const asks = (url, options) => fetch(address + url, options).then(() => 'answered', () => 'refused');
    return {
      image: await loads('img', `${address}/api/v1/images/1/original`),
      script: await loads('script', `${address}/theme.js`),
      read: await asks('/api/v1/images'),
      blind_read: await asks('/api/v1/images', { mode: 'no-cors' }),
      blind_job: await asks('/api/v1/jobs', { method: 'POST', mode: 'no-cors', body: '{"kind":"scan"}' }),
      blind_delete: await asks('/api/v1/images/1', { method: 'DELETE' }),
    };
  }, at.server.address);
  assert.deepEqual(Object.entries(tried).filter(([what, how]) => how !== 'refused' && what !== 'blind_job'), []);
  assert.equal((await status()).images, images);
  const { jobs } = await (await fetch(`${at.server.address}/api/v1/jobs`)).json();
  assert.deepEqual(jobs, [], 'what was sent blindly began nothing');

  // By a link: the first time, and when the service worker passes it on.
  for (const time of ['first', 'second']) {
    await page.goto(other);
    await page.getByRole('link', { name: 'memes' }).click();
    await page.getByRole('searchbox', { name: 'Search' }).waitFor({ timeout: 30_000 });
    if (time === 'first') await until(() => page.evaluate(() => navigator.serviceWorker.controller !== null), 'the service worker');
  }
});
