// kill −9 while pictures are read, described, edited, removed: each time the indexes follow the catalog again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { json, make_meme, pick_stamps, scratch, start } from './mimeme.mjs';

test('the words survive kill −9 during each kind of change', async () => {
  const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
  const count = 48;
  const files = [];
  for (const [i, stamp] of pick_stamps(count).entries()) {
    files.push(path.join(pictures, `${i}.png`));
    await make_meme(files[i], stamp, `CAPTION NUMBER ${i}`, `SAYS THING ${i}`);
  }
  json(library, 0, 'add', pictures, '--no-words');
  const bulk = path.join(root, 'bulk.jsonl');
  fs.writeFileSync(bulk, files.map((image, i) => JSON.stringify({ image, description: `described ${i}`, category: `family ${i}` })).join('\n'));

  let killed = 0;
  // Runs a command until it ends by itself, killing it again and again a little later each time.
  const kill_often = async (what, ...args) => {
    const base = Date.now();
    let whole = 0, kills = 0;
    for (let delay = 120; ; delay *= 1.6) {
      const began = Date.now();
      const run = start(library, ...args, '--quiet');
      const timer = setTimeout(() => run.child.kill('SIGKILL'), delay * (0.7 + 0.6 * Math.random()));
      const { signal, code, stderr } = await run.ended;
      clearTimeout(timer);
      whole = Date.now() - began;
      if (signal === null) assert.ok([0, 1, 3].includes(code), `${what}: ${code} ${stderr}`);
      else kills++;
      const checked = json(library, 0, 'check');
      assert.deepEqual([checked.problems, checked.repaired], [[], []], `${what}, after ${Math.round(delay)} ms`);
      assert.equal(checked.texts, checked.images);
      if (signal === null) break;
    }
    killed += kills;
    console.log(`${what}: ${kills} kills, ${whole} ms in the end, ${Date.now() - base} ms in all`);
  };
  await kill_often('reading', 'add');
  assert.equal(json(library, 0, 'search', '"caption number 17"').hits.length, 1);
  await kill_often('describing', 'describe', '--from', bulk);
  assert.equal(json(library, 0, 'search', '"described 31"').hits.length, 1);
  await kill_often('re-describing', 'describe', files[3], 'something else');
  assert.equal(json(library, 0, 'search', '"something else"').hits.length, 1);
  assert.equal(json(library, 1, 'search', '"described 3"').hits.length, 0);
  await kill_often('removing', 'remove', ...files.slice(0, 24));
  json(library, 1, 'search', '"caption number 17"');
  assert.equal(json(library, 0, 'search', '"caption number 40"').hits.length, 1);
  assert.ok(killed >= 8, `only ${killed} kills came in time`);
});
