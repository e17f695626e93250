// Libraries for the tests beside this file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import sharp from 'sharp';
import { copy_into, make_meme, mimeme, pick_stamps, scratch } from '../cli/mimeme.mjs';
import { serve } from '../http/server.mjs';
import { browsing } from './browser.mjs';

export const HOSTILE = '<img src=x onerror=alert(1)>.png';

// A library that is served while the file's tests run, and `check`, which is a test() in a browser that looks at it. `make`
// gives where the library is, perhaps `args` of the server, and whatever else the tests want to know of it; `begin` asks the server for what they need.
export function served(make = make_library, begin = () => undefined) {
  const at = { check: browsing(() => at.server.address) };
  after(() => at.server?.end());  // before scratch() takes its library away
  const folder = scratch();
  before(async () => {
    Object.assign(at, { folder }, await make(folder));
    at.server = await serve(at.library, ...at.args ?? []);
    await begin();  // one hook: of a file's own hooks, the second does not wait for the first
  });
  return at;
}

// A small one, read by the real models: pictures, memes with words, families. `pictures` are in it, `others` are not.
export async function make_library(folder) {
  const library = path.join(folder, 'library');
  const pictures = path.join(folder, 'pictures'), others = path.join(folder, 'others');
  const stamps = pick_stamps(60);
  const picture = name => path.join(pictures, name), other = name => path.join(others, name);
  const plain = n =>
    sharp(stamps[n]).flatten({ background: 'white' }).resize(400, 400, { fit: 'contain', background: 'white' });

  copy_into(pictures, stamps.slice(0, 12));
  fs.mkdirSync(others);
  // Two families, and a member of one that is to come.
  for (const [i, words] of ['NOT TODAY', 'BUT TOMORROW', 'MAYBE NEVER'].entries()) {
    await make_meme(picture(`friend${i}.png`), stamps[30], words, 'OLD FRIEND');
  }
  await make_meme(other('friend3.png'), stamps[30], 'SOME OTHER DAY', 'OLD FRIEND');
  await make_meme(picture('together.png'), stamps[33], 'BATMAN', 'AND ROBIN');
  await make_meme(picture('alone.png'), stamps[36], 'BATMAN', 'ALONE AGAIN');
  // The same after it went around: smaller, brighter, compressed.
  await sharp(picture('alone.png')).resize(420).modulate({ brightness: 1.1 })
    .jpeg({ quality: 40 }).toFile(other('edited.jpg'));
  // One of a family between black bars, as a phone shows it; and what is in no picture.
  await sharp(picture('friend0.png')).extend({ top: 110, bottom: 110, background: 'black' })
    .jpeg({ quality: 70 }).toFile(other('barred.jpg'));
  await sharp({ create: { width: 500, height: 400, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 50 } } })
    .png().toFile(other('nothing.png'));
  // Two halves, each of which is a picture of its own.
  await sharp({ create: { width: 800, height: 400, channels: 3, background: 'white' } })
    .composite([{ input: await plain(20).toBuffer(), left: 0, top: 0 },
      { input: await plain(25).toBuffer(), left: 400, top: 0 }])
    .png().toFile(picture('both.png'));
  await plain(20).png().toFile(picture('left.png'));
  await plain(25).png().toFile(picture('right.png'));
  await plain(28).png().toFile(picture(HOSTILE));
  fs.writeFileSync(other('notes.txt'), 'these are words\n');
  fs.writeFileSync(other('broken.png'), 'these are no pixels\n');
  await plain(40).png().toFile(other('fresh.png'));
  await plain(45).png().toFile(other('fresher.png'));

  const added = mimeme(library, 'add', pictures);
  assert.equal(added.code, 0, added.stderr);
  return { library, pictures, picture, other, stamps };
}

// An image's number, by its file's name.
export async function number_of(address, name) {
  const { images } = await (await fetch(`${address}/api/v1/images?name=${encodeURIComponent(name)}`)).json();
  assert.equal(images.length, 1, name);
  return images[0].id;
}
