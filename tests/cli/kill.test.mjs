// kill −9 at ten random moments of an ingest: each time the library opens, is clean, and the next run goes on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { copy_into, json, pick_stamps, scratch, start, until } from './mimeme.mjs';

test('an ingest survives kill −9 at ten random moments', async () => {
  const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
  const count = 400;
  copy_into(pictures, pick_stamps(count));
  const killed_at = [];  // the images that were there after each kill of a running ingest
  let images = 0, longest_ms = 800;  // short at first: what is done cannot be killed any more
  for (let kill = 1; kill <= 10 || images === 0; kill++) {
    const run = start(library, 'add', pictures, '--quiet', '--threads', '1');
    await until(() => fs.existsSync(path.join(library, 'catalog.duckdb')), 'the catalog');
    await new Promise(resolve => setTimeout(resolve, Math.random() * longest_ms));
    run.child.kill('SIGKILL');
    const { signal, code, stderr } = await run.ended;
    if (signal === null) assert.equal(code, 0, stderr);  // it was quicker than the kill
    const checked = json(library, 0, 'check');
    assert.deepEqual(checked.problems, []);
    assert.deepEqual(checked.repaired, []);
    assert.equal(checked.images, checked.vectors);
    const stored = checked.images - images;
    assert.ok(stored >= 0, 'nothing that was there is lost');
    images = checked.images;
    if (signal !== null) killed_at.push(images);
    // However fast the machine: about a tenth of the work for each kill, so that some is left for the next.
    if (signal === null || stored > count / 10) longest_ms /= 2;
    else if (stored === 0) longest_ms *= 1.5;
    console.log(`kill ${kill}: ${signal ?? 'done'}, ${images} images, clean`);
  }
  json(library, 0, 'add', pictures);
  const { images: all, searchable, failed_files } = json(library, 0, 'status');
  assert.equal(failed_files, 0);
  assert.equal(all, searchable);
  assert.ok(killed_at.filter(there => there < all).length >= 5, `too few kills came in time: ${killed_at} of ${all}`);
  assert.equal(json(library, 0, 'add', pictures).unchanged, count);
  assert.equal(json(library, 0, 'check', '--originals').clean, true);
});
