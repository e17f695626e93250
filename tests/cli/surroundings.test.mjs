// What a program must not take from, or leave in, its surroundings.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { copy_into, environment, json, mimeme, pick_stamps, program, scratch } from './mimeme.mjs';

const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
copy_into(pictures, pick_stamps(6));

test('with its standard streams closed, nothing is printed into the catalog', () => {
  for (let i = 0; i < 150; i++) fs.writeFileSync(path.join(pictures, `broken-${i}.jpg`), 'not a picture');
  const closed = (...args) => spawnSync('sh', ['-c', 'exec "$0" "$@" <&- >&- 2>&-', program, '--library', library, ...args]).status;
  assert.equal(closed('add', pictures), 3);
  assert.equal(json(library, 0, 'status').failed_files, 150);
  for (const name of fs.readdirSync(pictures)) fs.rmSync(path.join(pictures, name));
  assert.equal(closed('check'), 0);
  assert.equal(json(library, 0, 'check').clean, true);
});

test('nothing is written into the home folder', () => {
  const home = path.join(root, 'home');
  fs.mkdirSync(home);
  copy_into(pictures, pick_stamps(2));
  for (const args of [['add', pictures], ['similar', '/usr/share/tuxpaint/stamps/animals/birds/vulture.png']])
    assert.equal(spawnSync(program, args, { env: { ...environment(library), HOME: home } }).status, 0);
  assert.deepEqual(fs.readdirSync(home), []);
});

test('a command that can do nothing makes no library', () => {
  const none = path.join(root, 'none');
  assert.equal(mimeme(none, 'add').code, 4);
  assert.equal(mimeme(none, 'add', path.join(root, 'nowhere')).code, 4);
  assert.equal(mimeme(none, 'import', path.join(root, 'nowhere')).code, 4);
  assert.equal(mimeme(none, 'models', 'use', 'nonesuch').code, 4);
  assert.equal(fs.existsSync(none), false);
});

test('a library may lie at any path that DuckDB would read its own way', () => {
  for (const name of ['~', 's3:bucket', 'a b', 'it\'s']) {
    const done = spawnSync(program, ['--library', name, 'add', pictures, '--json'], { cwd: root, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    assert.ok(fs.existsSync(path.join(root, name, 'catalog.duckdb')));
  }
  const refused = mimeme(path.join(root, 'what?'), 'add', pictures);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /question mark/);
  assert.equal(fs.existsSync(path.join(root, 'what?')), false);
});
