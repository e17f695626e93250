// A full disk: a clear message, no loss, and everything goes on once there is room.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { copy_into, environment, json, mimeme, pick_stamps, program, scratch, small_disk } from './mimeme.mjs';

const root = scratch(), pictures = path.join(root, 'pictures');
copy_into(pictures, pick_stamps(160));

test('a disk that fills up in the middle of an ingest loses nothing', t => {
  const disk = small_disk(t, path.join(root, 'disk'), '600k');
  if (!disk) return;
  const library = path.join(disk, 'library');
  const full = mimeme(library, 'add', pictures);
  assert.equal(full.code, 4, full.stdout);
  assert.match(full.stderr, /no space left|disk/i);
  const held = json(library, 0, 'status').images;
  assert.ok(held < 160);
  assert.equal(spawnSync('mount', ['-o', 'remount,size=200m', disk]).status, 0);
  assert.equal(json(library, 0, 'check').problems.length, 0);
  assert.equal(json(library, 0, 'add', pictures).embedded, 160 - held);
  assert.equal(json(library, 0, 'check').clean, true);
});

test('the same where a file may not grow any further', () => {
  const library = path.join(root, 'library');
  // A file size limit of 400 KiB, its signal ignored: writes beyond it fail as on a full disk.
  const limited = spawnSync('bash', ['-c', `trap '' XFSZ; ulimit -f 400; exec "$0" add "$1"`, program, pictures], { env: environment(library), encoding: 'utf8' });
  assert.equal(limited.signal, null);
  assert.equal(limited.status, 4, limited.stdout);
  const held = json(library, 0, 'status').images;
  assert.ok(held < 160);
  assert.equal(json(library, 0, 'add', pictures).embedded, 160 - held);
  assert.equal(json(library, 0, 'check').clean, true);
});
