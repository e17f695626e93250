// Two servers, three workers, a primary and its standby, of which one after the other goes away and comes back.
// MIMEME_SCALE: how many pictures, CI has time for a few hundred; MIMEME_SCALE_PICTURES: a folder that keeps them for another time.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { serve } from '../http/server.mjs';
import { json, mimeme, pick_stamps, postgres, query, scratch, server_folders, start, try_postgres, until } from './mimeme.mjs';

const COUNT = Number(process.env.MIMEME_SCALE ?? 300);
const root = scratch(), stamps = pick_stamps(40);
const [primary, standby] = server_folders('p', 's');
const begun = try_postgres('start', primary), skip = begun.status === 77 && begun.stderr, catalog = begun.stdout.trim();
const sql = (text, of = catalog) => query(text, of);
const library = name => path.join(root, name);
const worker = (name, ...args) => start(library(name), '--catalog', catalog, 'worker', '--threads', '1', '--lease', '5', ...args);
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const begin = async (...names) =>
  Promise.all(names.map(name => serve(library(name), '--catalog', catalog, '--replica', replica, '--anonymous', 'admin')));
let replica;

test('nothing is lost, nothing is there twice, and search is answered, whoever goes away', { skip }, async t => {
  const folder = process.env.MIMEME_SCALE_PICTURES ?? path.join(root, 'pictures'), file = n => path.join(folder, `${n}.png`);
  fs.mkdirSync(folder, { recursive: true });
  const inner = await Promise.all(stamps.map(stamp => sharp(stamp).resize(160, 120, { fit: 'fill' }).png().toBuffer()));
  for (let n = 0; n < COUNT; ++n)
    if (!fs.existsSync(file(n)))
      await sharp({ create: { width: 160, height: 128, channels: 3, background: { r: n & 255, g: n >> 8, b: 99 } } })
        .composite([{ input: inner[n % 40], top: 0, left: 0 }]).png({ compressionLevel: 3 }).toFile(file(n));
  fs.writeFileSync(path.join(folder, 'broken.png'), 'not a picture');
  json(library('adds'), 0, '--catalog', catalog, 'add', '--no-words', file(0));
  postgres('replica', standby, primary);
  replica = postgres('start', standby);
  // One searches its own indexes, the other one in the database.
  fs.mkdirSync(library('two'));
  fs.writeFileSync(path.join(library('two'), 'mimeme.toml'), 'search_in = "database"\n');
  const servers = await begin('one', 'two'), workers = ['a', 'b', 'c'].map(name => worker(name, '--no-words'));
  const asked = { similar: 0, search: 0 }, unanswered = [];
  let asking = true, slowest = 0;
  const asker = (async () => {
    for (let n = 0; asking; ++n) {
      const what = n % 2 ? 'search?q=nothing' : 'images/1/similar', began = Date.now();
      const response = await fetch(`${servers[n >> 1 & 1].address}/api/v1/${what}`);
      slowest = Math.max(slowest, Date.now() - began);
      if (response.status === 200) ++asked[n % 2 ? 'search' : 'similar'];
      else unanswered.push(`${what}: ${response.status} ${await response.text()}`);
      await sleep(50);
    }
  })();
  try {
    const began = Date.now(), add = () => start(library('adds'), '--catalog', catalog, 'add', '--queue', folder);
    let adding = add();
    const held = share => until(() => Number(sql('SELECT count(*) FROM images')) >= share * COUNT, `${share} of all`, 3600);
    await held(0.15);
    workers[0].child.kill('SIGKILL');
    await workers[0].ended;
    await held(0.3);
    postgres('stop', standby);
    await held(0.45);
    workers[0] = worker('a', '--no-words');
    await held(0.5);
    postgres('start', standby);
    await held(0.7);
    postgres('stop', primary);
    await sleep(2000);
    postgres('start', primary);
    for (let ended; (ended = await adding.ended).code !== 3; adding = add()) assert.match(ended.stderr, /postgresql:/, 'only because the server went');
    t.diagnostic(`${COUNT} pictures in ${((Date.now() - began) / 1000).toFixed(1)} s; ${JSON.stringify(asked)} answered, the slowest after ${slowest} ms`);
  } finally {
    asking = false;
    await asker;
    for (const { child } of workers) child.kill('SIGTERM');
    for (const server of servers) await server.end();
  }
  // What was on the standby or in a worker was done; a file has failed, at whoever's.
  for (const { ended } of workers) {
    const { code, stderr } = await ended;
    assert.ok(code === 0 || code === 3 && /broken\.png/.test(stderr), `a worker ended with ${code}: ${stderr}`);
  }
  assert.deepEqual(unanswered, []);
  assert.ok(asked.search > 10 && asked.similar > 10);
  assert.equal(sql(`SELECT count(*), count(DISTINCT sha256), (SELECT count(*) FROM files WHERE image_id IS NOT NULL),
    (SELECT count(DISTINCT image_id) FROM files), (SELECT count(*) FROM embeddings), (SELECT count(*) FROM vectors),
    (SELECT count(*) FROM queue) FROM images`), `${[COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, 0].join('|')}`);
  for (const name of ['one', 'two']) {
    const checked = json(library(name), 0, '--catalog', catalog, 'check', '--originals');
    assert.deepEqual([checked.problems, checked.repaired, checked.images, checked.vectors], [[], [], COUNT, COUNT], name);
  }
  assert.match(mimeme(library('one'), '--catalog', catalog, 'status', '--failed').stdout, /failed: .*broken\.png/);
});

test('who wrote sees what he wrote, however far behind the standby is, which answers else', { skip }, async () => {
  const [server] = await begin('one');
  const commits = () => Number(sql("SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = 'postgres'", replica));
  const get = async at => (await fetch(`${server.address}/api/v1/${at}`)).json();
  const describe = text => fetch(`${server.address}/api/v1/images/1`, { method: 'PATCH', body: JSON.stringify({ description: text }) });
  try {
    await until(async () => {
      const before = commits();
      for (let n = 0; n < 40; ++n) await get('images/1');
      await sleep(1200);  // its statistics are told once a second
      return commits() - before >= 40;
    }, 'the standby answers');
    sql('SELECT pg_wal_replay_pause()', replica);
    for (const text of ['hither', 'thither']) {
      assert.equal((await describe(text)).status, 200);
      assert.equal((await get('images/1')).description, text);
      assert.deepEqual((await get(`search?q=${text}`)).hits.map(hit => hit.id), [1]);
    }
    assert.notEqual(sql('SELECT text FROM descriptions', replica), 'thither', 'it was behind');
    sql('SELECT pg_wal_replay_resume()', replica);
    await until(() => sql('SELECT text FROM descriptions', replica) === 'thither', 'it has caught up');
  } finally {
    await server.end();
  }
});

test('words are read by workers too, and what they die of is set aside', { skip: skip || COUNT > 1000 && 'it would take hours' }, async () => {
  const left = () => Number(sql('SELECT count(*) FROM files WHERE image_id IS NOT NULL AND image_id < 12 AND NOT EXISTS (SELECT 1 FROM readings WHERE readings.image_id = files.image_id)'));
  const some = worker('a');
  await until(() => left() === 0, 'words are read');
  some.child.kill('SIGINT');
  assert.equal((await some.ended).code, 0);
  assert.equal(sql('SELECT count(*) FROM queue WHERE worker IS NOT NULL'), '0', 'what it did not come to has gone back');

  // Three workers had it, none lived.
  sql("INSERT INTO queue (stage, n, path, size, mtime_ns, worker, tries, leased_until) VALUES ('embed', nextval('queue_n'), '/cursed.png', 1, 1, 'x', 3, now())");
  const last = worker('b', '--no-words', '--until-empty');
  assert.equal((await last.ended).code, 3);
  assert.match(mimeme(library('one'), '--catalog', catalog, 'status', '--failed').stdout, /failed: \/cursed\.png: each of the 3 workers/);
  assert.match(mimeme(library('file'), 'worker').stderr, /workers share a library on a PostgreSQL server/);
  assert.match(mimeme(library('file'), 'add', '--queue', root).stderr, /catalog is a file/);
});
