// A backup is taken while the library is served, and put back after all is lost: what was acknowledged before is there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { serve } from '../http/server.mjs';
import { copy_into, environment, json, mimeme, pick_stamps, program, scratch, small_disk } from './mimeme.mjs';

const root = scratch(), stamps = pick_stamps(60);

const upload = async (server, bytes, name) => {
  const body = new FormData();
  body.append('file', new Blob([bytes]), name);
  const response = await fetch(`${server.address}/api/v1/images`, { method: 'POST', body });
  assert.equal(response.status, 200);
  return (await response.json()).files[0].image;
};
const edit = (server, id, change) => fetch(`${server.address}/api/v1/images/${id}`,
  { method: 'PATCH', body: JSON.stringify(change), headers: { 'Content-Type': 'application/json' } });
const picture = n => sharp(stamps[n]).flatten({ background: 'teal' }).resize(300, 200, { fit: 'fill' }).png().toBuffer();

test('a backup of a library that is written to', async () => {
  const library = path.join(root, 'library'), pictures = path.join(root, 'pictures'), backup = path.join(root, 'backup');
  copy_into(pictures, stamps.slice(0, 5));
  json(library, 0, 'add', '--no-words', pictures);
  fs.writeFileSync(path.join(library, 'mimeme.toml'), '[serve]\nhosts = []\n');
  const server = await serve(library, '--anonymous', 'admin');
  const before = [], later = [];
  let deleted, result;
  try {
    const { key } = json(library, 0, 'keys', 'create', 'alice');
    for (let n = 10; n < 16; ++n) before.push(await upload(server, await picture(n), `before${n}.png`));
    [deleted] = before.splice(2, 1);
    assert.equal((await edit(server, before[0].id, { description: 'kept for good' })).status, 200);
    await fetch(`${server.address}/api/v1/images/${deleted.id}`, { method: 'DELETE' });

    // Others go on writing and searching meanwhile.
    const running = spawn(program, ['backup', backup, '--json'], { env: environment(library), stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(running, 'close'), said = running.stdout.toArray();
    for (let n = 20; n < 26; ++n) {
      later.push(await upload(server, await picture(n), `later${n}.png`));
      assert.equal((await fetch(`${server.address}/api/v1/images`)).status, 200);
    }
    assert.equal((await ended)[0], 0);
    result = JSON.parse(Buffer.concat(await said));
    assert.ok(result.images >= 10 && result.images <= 16, JSON.stringify(result));
    assert.equal(result.missing, 0);
    assert.equal((await fetch(`${server.address}/api/v1/status`, { headers: { Authorization: `Bearer ${key}` } })).status, 200);
  } finally {
    await server.end('SIGKILL');
  }

  // Nothing else is there, and nothing is left behind.
  assert.deepEqual(fs.readdirSync(backup).sort(), ['catalog.duckdb', 'mimeme.toml', 'uploads']);
  assert.ok(!fs.existsSync(path.join(library, 'backup.tmp')));
  const kept = fs.readdirSync(backup, { recursive: true });
  assert.ok(kept.some(name => name.endsWith('before11.png')));
  assert.ok(!kept.some(name => name.endsWith('before12.png')), 'what was deleted is not backed up');

  // All is lost, and put back.
  fs.rmSync(library, { recursive: true });
  fs.renameSync(backup, library);
  assert.equal(json(library, 0, 'check', '--originals').clean, true);
  assert.equal(json(library, 0, 'status').images, result.images);
  assert.equal(json(library, 0, 'describe', `${before[0].id}`).description, 'kept for good');
  assert.equal(json(library, 0, 'keys', 'list').keys[0].name, 'alice');
  for (const { id, paths } of before) {
    assert.ok(fs.existsSync(paths[0]), paths[0]);
    assert.equal(json(library, 0, 'similar', `${id}`).hits.length > 0, true);
  }
  assert.equal(json(library, 0, 'add', '--no-words').embedded ?? 0, 0, 'nothing is new');
});

test('a backup without a server, and one put elsewhere', async () => {
  const library = path.join(root, 'alone'), backup = path.join(root, 'moved');
  const server = await serve(library);
  const image = await upload(server, await picture(30), 'mine.png');
  await server.end();
  json(library, 0, 'backup', backup);
  fs.rmSync(library, { recursive: true });
  json(backup, 0, 'add', '--no-words', path.join(backup, 'uploads'));
  const { images } = json(backup, 0, 'status');
  assert.equal(images, 1);
  assert.equal(json(backup, 0, 'similar', path.join(backup, path.relative(library, image.paths[0]))).hits[0].id, image.id);
});

test('a library that is reached by a link, or has moved, is backed up with its uploads', async () => {
  const library = path.join(root, 'linked'), link = path.join(root, 'link'), moved = path.join(root, 'elsewhere');
  const server = await serve(library);
  await upload(server, await picture(31), 'mine.png');
  await server.end();
  fs.symlinkSync(library, link);
  assert.equal(json(link, 0, 'backup', path.join(root, 'of_link')).uploads, 1);
  fs.cpSync(library, moved, { recursive: true });
  assert.equal(json(moved, 0, 'backup', path.join(root, 'of_moved')).uploads, 1);
  for (const name of ['of_link', 'of_moved'])
    assert.ok(fs.readdirSync(path.join(root, name), { recursive: true }).some(file => file.endsWith('mine.png')), name);
  const inside = mimeme(library, 'backup', path.join(library, 'uploads/backup'));
  assert.equal(inside.code, 2);
  assert.match(inside.stderr, /lies among the uploads/);
});

test('a folder that holds something is refused', () => {
  const library = path.join(root, 'library'), taken = path.join(root, 'taken');
  fs.mkdirSync(taken);
  fs.writeFileSync(path.join(taken, 'mine.txt'), 'mine');
  const refused = mimeme(library, 'backup', taken);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /taken: is not an empty folder/);
  assert.deepEqual(fs.readdirSync(taken), ['mine.txt']);
});

test('a full disk leaves nothing that could be taken for a backup', t => {
  const library = path.join(root, 'library'), disk = small_disk(t, path.join(root, 'disk'), '400k');
  if (!disk) return;
  const full = mimeme(library, 'backup', path.join(disk, 'backup'));
  assert.equal(full.code, 4, full.stdout);
  assert.match(full.stderr, /No space left on device/);
  assert.ok(!fs.existsSync(path.join(disk, 'backup/catalog.duckdb')));
  assert.ok(!fs.existsSync(path.join(library, 'backup.tmp')));
  assert.equal(json(library, 0, 'check').clean, true);
});
