// node tests/browser/screenshots.mjs ADDRESS OUT
//
// Writes each page of the web app at ADDRESS as a picture: OUT/PAGE-WIDTH.webp, of a desk and of a phone. It likes the library of tools/demo best.
import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { DESKTOP, PHONE, cards, launch } from './browser.mjs';

const MOST = 150_000;  // bytes

const [address, out] = process.argv.slice(2);
if (!out) throw new Error('node tests/browser/screenshots.mjs ADDRESS OUT');
const ask = async target => (await fetch(new URL(target, address))).json();

// Words, one of them left out, along with a picture; and one of what they find.
const { hits } = await ask('/api/v1/search?q=sunny+-giraffe');
const [like, image] = hits.filter(({ why }) => why.matches.some(({ field }) => field === 'says'));
// That one as it comes back from elsewhere: smaller, between bars.
const edited = await sharp(Buffer.from(await (await fetch(new URL(`/api/v1/images/${image.id}/original`, address))).arrayBuffer()))
  .resize(480).extend({ top: 90, bottom: 90, background: 'black' }).jpeg({ quality: 60 }).toBuffer();
const picture = await (await fetch(new URL('/api/v1/queries', address), { method: 'POST', body: edited })).json();
const pages = {
  home: ['/', 6],
  search: [`/search?q=sunny+-giraffe&weight=2&like=${like.id}&min=0.3`, 6],
  picture: [`/search?like=${picture.name}`, 3],
  image: [`/image/${image.id}`, 2],
  upload: ['/upload', 1],
  families: ['/families', 1],
  status: ['/status', 1],
  settings: ['/settings', 1],
};

// Waits for every picture in sight, which are `least` of them, and for the page itself.
const settled = (page, least) => page.waitForFunction(least => {
  const pictures = [...document.images].filter(image => {
    const { top, bottom } = image.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  });
  return document.querySelectorAll('main *').length > 8 && !document.querySelector('.late') && pictures.length >= least &&
    pictures.every(image => image.complete && image.naturalWidth);
}, least);

// WebP, as good as fits.
async function write(file, png) {
  for (let quality = 88; ; quality -= 8) {
    const webp = await sharp(png).webp({ quality, effort: 6 }).toBuffer();
    if (webp.length > MOST && quality > 20) continue;
    fs.writeFileSync(file, webp);
    return console.log(`${file}: ${webp.length} bytes at ${quality}`);
  }
}

fs.mkdirSync(out, { recursive: true });
const browser = await launch();
for (const device of [DESKTOP, PHONE]) {
  const context = await browser.newContext({ baseURL: address, reducedMotion: 'reduce', ...device });
  const page = await context.newPage();
  for (const [name, [target, least]] of Object.entries(pages)) {
    await page.goto(target);
    await settled(page, least);
    // Why it matched.
    if (name === 'search' && device === DESKTOP) await cards(page).nth(1).hover();
    await write(path.join(out, `${name}-${device.viewport.width}.webp`), await page.screenshot());
  }
  await context.close();
}
await browser.close();
