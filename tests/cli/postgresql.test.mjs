// A library whose catalog is on a PostgreSQL server: one that tools/postgres starts for this file, in folders of its own.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import sharp from 'sharp';
import { serve } from '../http/server.mjs';
import { copy_into, json, mimeme, pick_stamps, postgres, psql, scratch, start, try_postgres, until } from './mimeme.mjs';

const root = scratch(), stamps = pick_stamps(40);
const data = fs.mkdtempSync(path.join(os.tmpdir(), 'mimeme-pg.'));  // a socket's path is short
const begun = try_postgres('start', data), skip = begun.status === 77 && begun.stderr, address = begun.stdout.trim();
after(() => {
  if (!skip) postgres('stop', data);
  fs.rmSync(data, { recursive: true, force: true });
});
const database = name => {
  const made = spawnSync(psql, ['-qXc', `CREATE DATABASE ${name}`, address], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return address.replace('/postgres?', `/${name}?`);
};
const library = name => path.join(root, name);
const hits = answer => answer.hits.map(hit => hit.id);
const upload = async (server, bytes, name) => {
  const body = new FormData();
  body.append('file', new Blob([bytes]), name);
  const response = await fetch(`${server.address}/api/v1/images`, { method: 'POST', body });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()).files[0].image.id;
};
test('the same library in a file, on a server, and back in a file', { skip }, () => {
  const catalog = database('moved'), file = library('file'), back = library('back'), away = library('away');
  const pictures = copy_into(path.join(root, 'pictures'), stamps.slice(0, 20));
  fs.writeFileSync(path.join(root, 'pictures', 'broken.png'), 'not a picture');
  json(file, 3, 'add', path.join(root, 'pictures'));
  json(file, 0, 'describe', pictures[0], 'größer \u{1F600}');
  json(file, 0, 'category', pictures[1], 'Kätzchen');
  json(file, 0, 'keys', 'create', 'alice');

  const there = json(file, 0, 'copy', catalog);
  const on_server = (code, ...args) => json(away, code, '--catalog', catalog, ...args);
  assert.deepEqual(hits(on_server(0, 'similar', pictures[3])), hits(json(file, 0, 'similar', pictures[3])));
  for (const words of ['größer', 'category:katzchen', 'type:png -größer', 'animal'])
    assert.deepEqual(hits(on_server(0, 'search', words)), hits(json(file, 0, 'search', words)), words);
  assert.equal(on_server(0, 'status').failed_files, 1);
  assert.deepEqual(on_server(0, 'check').problems, []);
  assert.equal(on_server(0, 'add').embedded, 0, 'nothing is to do');

  const returned = json(away, 0, '--catalog', catalog, 'copy', back);
  assert.deepEqual(returned.tables, there.tables);
  assert.ok(there.tables.find(t => t.table === 'embeddings').rows === 20);
  assert.deepEqual(json(back, 0, 'similar', pictures[3]), json(file, 0, 'similar', pictures[3]));
  assert.deepEqual(json(back, 0, 'check').problems, []);

  // Only into an empty one; and the folder of a library is not taken for another's.
  assert.match(mimeme(file, 'copy', catalog).stderr, /there is a library already/);
  assert.match(mimeme(file, '--catalog', catalog, 'status').stderr, /has a catalog of its own/);
});

test('two servers of one catalog see what the other does', { skip }, async () => {
  const catalog = database('shared');
  const of = name => {
    fs.mkdirSync(library(name));
    fs.writeFileSync(path.join(library(name), 'mimeme.toml'), `catalog = "${catalog}"\nuploads = "${path.join(root, 'uploads')}"\n`);
    return serve(library(name), '--anonymous', 'admin');
  };
  const one = await of('one'), two = await of('two');
  try {
    const get = async (server, at) => (await fetch(`${server.address}/api/v1/${at}`)).json();
    const bytes = await sharp(stamps[30]).flatten({ background: 'teal' }).resize(300, 200, { fit: 'fill' }).png().toBuffer();
    const id = await upload(one, bytes, 'harlequin.png');
    await until(async () =>
      (await fetch(`${two.address}/api/v1/images/${id}/similar`)).status === 200, 'the second finds the picture by itself');
    const edited = await fetch(`${two.address}/api/v1/images/${id}`,
      { method: 'PATCH', body: JSON.stringify({ description: 'zweihundert' }), headers: { 'Content-Type': 'application/json' } });
    assert.equal(edited.status, 200);
    await until(async () => hits(await get(one, 'search?q=zweihundert')).includes(id), 'the first finds what the second wrote');
    const original = await fetch(`${two.address}/api/v1/images/${id}/original`);
    assert.deepEqual(Buffer.from(await original.arrayBuffer()), bytes);
    assert.match(mimeme(library('one'), '--catalog', address, 'status').stderr, /works with another catalog/);
    // A writer that is cancelled while it waits for the others leaves a connection behind that is of use.
    const sql = text => spawnSync(psql, ['-qAtXc', text, catalog], { encoding: 'utf8' }).stdout.trim();
    const holder = spawn(psql, ['-qX', catalog], { stdio: ['pipe', 'ignore', 'inherit'] });
    holder.stdin.write("BEGIN; SELECT pg_advisory_xact_lock(1835625829, 'public'::regnamespace::oid::int);\n");
    const edit = fetch(`${two.address}/api/v1/images/${id}`,
      { method: 'PATCH', body: JSON.stringify({ category: 'cancelled' }), headers: { 'Content-Type': 'application/json' } });
    await until(() => sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") === '1', 'it waits');
    sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'");
    holder.stdin.end('ROLLBACK;\n');
    assert.equal((await edit).status, 200, 'tried again');
    assert.equal((await get(two, `images/${id}`)).category, 'cancelled');
    assert.equal((await fetch(`${one.address}/api/v1/images/${id}`, { method: 'DELETE' })).status, 204);
    await until(async () => hits(await get(two, 'search?q=zweihundert')).length === 0, 'the second has forgotten it');
  } finally {
    await one.end('SIGINT');
    await two.end('SIGINT');
  }
});

test('a server that crashes while pictures are added, and servers beside it: nothing lost, nothing twice', { skip }, async () => {
  const catalog = database('crashed'), folder = path.join(root, 'many');
  const pictures = [];
  fs.mkdirSync(folder);
  for (let n = 0; n < 240; ++n) {
    pictures.push(path.join(folder, `${n}.png`));
    await sharp(stamps[n % 40]).flatten({ background: { r: n, g: 255 - n, b: 99 } }).resize(320, 240, { fit: 'fill' }).png().toFile(pictures[n]);
  }
  const server = await serve(library('beside'), '--catalog', catalog, '--anonymous', 'admin');
  try {
    const added = start(library('adding'), '--catalog', catalog, 'add', '--no-words', folder);
    const held = async () => (await (await fetch(`${server.address}/api/v1/status`)).json()).images;
    await until(async () => (await held()) > 0, 'the first pictures are there');
    postgres('stop', data);
    postgres('start', data);
    await added.ended;  // it may have gone on, or say that it could not
    const uploaded = await upload(server, await sharp(stamps[3]).flatten({ background: 'red' }).png().toBuffer(), 'after.png');
    json(library('adding'), 0, '--catalog', catalog, 'add', '--no-words', folder);
    assert.equal(await held(), pictures.length + 1);
    assert.equal((await fetch(`${server.address}/api/v1/images/${uploaded}`)).status, 200);
    assert.deepEqual(json(library('adding'), 0, '--catalog', catalog, 'check').problems, []);
  } finally {
    await server.end('SIGINT');
  }
});

test('a server that is restarted is waited for; one that is not there is named, without its password', { skip }, async () => {
  const catalog = database('restarted'), pictures = copy_into(path.join(root, 'more'), stamps.slice(20, 30));
  const here = library('here');
  json(here, 0, '--catalog', catalog, 'add', '--no-words', path.join(root, 'more'));
  const server = await serve(here, '--catalog', catalog);
  try {
    postgres('stop', data);
    const answer = fetch(`${server.address}/api/v1/images`);
    await new Promise(r => setTimeout(r, 500));
    postgres('start', data);
    assert.equal((await (await answer).json()).images.length, pictures.length);
  } finally {
    await server.end('SIGINT');
  }
  const wrong = mimeme(library('nowhere'), '--catalog', 'postgresql://me:geheim@127.0.0.1:1/memes', 'status');
  assert.match(wrong.stderr, /postgresql:\/\/127\.0\.0\.1:1\/memes: .*refused/);
  assert.ok(!wrong.stderr.includes('geheim'));
  assert.match(mimeme(library('nowhere'), '--catalog', 'mysql://x', 'status').stderr, /takes the address of a PostgreSQL server/);
  for (const odd of ['postgresql://me:geh/eim@127.0.0.1:1/memes', 'postgresql://me:geh@eim@127.0.0.1:1/memes', 'postgresql://me:geheim@[x/memes']) {
    const { stderr } = mimeme(library('nowhere'), '--catalog', odd, 'status');
    assert.match(stderr, /is no connection URI/);
    assert.doesNotMatch(stderr, /geh|eim@/);
  }
  assert.match(mimeme(here, '--catalog', catalog, 'copy', 'postgres:/me:geheim@h/x').stderr, /no folder, and no address/);
});
