// kill −9 at ten random moments of an ingest: each time the library opens, is clean, and the next run goes on.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { copy_into, json, pick_stamps, scratch, start } from './mimeme.mjs';

test('an ingest survives kill −9 at ten random moments', async () => {
  const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
  const count = 400;
  copy_into(pictures, pick_stamps(count));
  let images = 0;
  for (let kill = 1; kill <= 10; kill++) {
    const run = start(library, 'add', pictures, '--quiet');
    await new Promise(resolve => setTimeout(resolve, 300 + Math.random() * 5000));
    run.child.kill('SIGKILL');
    const { signal, code, stderr } = await run.ended;
    if (signal === null) assert.equal(code, 0, stderr);  // it was quicker than the kill
    const checked = json(library, 0, 'check');
    assert.deepEqual(checked.problems, []);
    assert.deepEqual(checked.repaired, []);
    assert.equal(checked.images, checked.vectors);
    assert.ok(checked.images >= images, 'nothing that was there is lost');
    images = checked.images;
    console.log(`kill ${kill}: ${signal ?? 'done'}, ${images} images, clean`);
  }
  assert.ok(images > 0, 'some kills fell into the middle of the work');
  json(library, 0, 'add', pictures);
  const { images: all, searchable, failed_files } = json(library, 0, 'status');
  assert.equal(failed_files, 0);
  assert.equal(all, searchable);
  assert.equal(json(library, 0, 'add', pictures).unchanged, count);
  assert.equal(json(library, 0, 'check', '--originals').clean, true);
});
