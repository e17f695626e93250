// A library that is searched inside its catalog's server, on one server and on shards; each is a server of its own.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { serve } from '../http/server.mjs';
import { copy_into, files_below, json, mimeme, pick_stamps, postgres, query, scratch, server_folders, try_postgres, until } from './mimeme.mjs';

const root = scratch(), stamps = pick_stamps(24);
const folders = server_folders('m', 'a', 'b');
const begun = folders.map(folder => try_postgres('start', folder));
const skip = begun[0].status === 77 && begun[0].stderr, catalog = begun[0].stdout.trim();
const sql = (text, of = catalog) => query(text, of);
const made = name => {
  const folder = path.join(root, name);
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'mimeme.toml'), `catalog = "${catalog}"\n${name === 'folder' ? '' : 'search_in = "database"\n'}`);
  return folder;
};
const pictures = () => fs.readdirSync(path.join(root, 'pictures')).map(file => path.join(root, 'pictures', file));
const searches = ['animal', 'größer -cat', '"one two"', 'Kätzchn', 'type:png animal'];

// What is found, and how alike it is. By words and by pictures, known ones, a part of one, and one that has nothing to do with any.
function found(library) {
  const hits = (...args) => json(library, 0, ...args).hits;
  return [...searches.map(words => hits('search', words)),
    ...[pictures()[0], path.join(root, 'part.png'), path.join(root, 'noise.png')].map(file => hits('similar', file))];
}
// The same images, as alike but for what two ways of adding up differ in.
function assert_same(actual, expected) {
  const told = all => all.map(hits => hits.map(hit => [hit.id, hit.relation]));
  assert.deepEqual(told(actual), told(expected));
  for (const [n, hits] of actual.entries())
    for (const [m, hit] of hits.entries()) assert.ok(Math.abs(hit.similarity - expected[n][m].similarity) < 0.01, `${hit.similarity}, not ${expected[n][m].similarity}`);
}

test('it finds what indexes in a folder find, and keeps none', { skip }, async () => {
  const folder = made('folder'), database = made('database');
  const copies = copy_into(path.join(root, 'pictures'), stamps);
  await sharp(copies[3]).extract({ left: 20, top: 20, width: 80, height: 80 }).png().toFile(path.join(root, 'part.png'));
  await sharp(copies[0]).resize({ width: 180 }).png().toFile(path.join(root, 'pictures', 'again.png'));
  await sharp({ create: { width: 200, height: 150, channels: 3, noise: { type: 'gaussian', mean: 120, sigma: 40 } } }).png().toFile(path.join(root, 'noise.png'));
  json(folder, 0, 'add', path.join(root, 'pictures'));
  json(folder, 0, 'describe', copies[0], 'größer, one two three');
  json(folder, 0, 'category', copies[1], 'Kätzchen');
  assert_same(found(database), found(folder));
  assert.equal(files_below(path.join(database, 'index')), 0);
  const status = json(database, 0, 'status');
  assert.deepEqual([status.images, status.searchable, status.isa], [25, 25, 'pgvector']);
  assert.deepEqual(json(database, 0, 'check', '--originals').problems, []);
  assert.deepEqual(json(database, 0, 'duplicates').groups, json(folder, 0, 'duplicates').groups);
  assert.equal(json(database, 0, 'duplicates').groups.length, 1);

  // Who else is at work on the catalog is followed.
  json(folder, 0, 'remove', copies[3]);
  json(folder, 0, 'describe', copies[7], 'something new');
  assert_same(found(database), found(folder));
  assert.deepEqual(json(database, 0, 'search', 'something new').hits.map(hit => hit.paths[0]), [copies[7]]);
});

test('what is wrong in its tables is found and made anew', { skip }, () => {
  const database = path.join(root, 'database');
  const table = `search_pictures_${sql("SELECT generation FROM search_vectors WHERE name = 'pictures'")}`;
  sql(`DELETE FROM ${table} WHERE id = (SELECT min(id) FROM ${table})`);
  sql("UPDATE search_docs SET name = 'other' WHERE id = (SELECT max(id) FROM search_docs)");
  const { repaired, problems } = json(database, 0, 'check');
  assert.deepEqual([repaired.length, problems], [2, []], repaired.join('\n'));
  assert.deepEqual(json(database, 0, 'check').repaired, []);
  assert_same(found(database), found(path.join(root, 'folder')));
});

test('servers share the tables: what is sent to one is found at the other, and by words', { skip }, async () => {
  const [one, two] = await Promise.all(['one', 'two'].map(name => serve(made(name), '--anonymous', 'admin')));
  try {
    const body = new FormData();
    body.append('file', new Blob([fs.readFileSync(path.join(root, 'part.png'))]), 'a part of it.png');
    const sent = await fetch(`${one.address}/api/v1/images`, { method: 'POST', body });
    const { id } = (await sent.json()).files[0].image;
    const get = async (server, at) => (await fetch(`${server.address}/api/v1/${at}`)).json();
    const ids = answer => answer.hits.map(hit => hit.id);
    assert.ok(ids(await get(one, 'search?q=part')).includes(id), 'found at once where it was sent');
    await until(async () => ids(await get(two, 'search?q=part')).includes(id), 'found at the other by its name');
    assert.ok(ids(await get(two, `images/${id}/similar`)).length > 3);
    await fetch(`${two.address}/api/v1/images/${id}`, { method: 'DELETE' });
    await until(async () => !ids(await get(one, 'search?q=part')).includes(id), 'gone at the first');
  } finally {
    await Promise.all([one.end(), two.end()]);
  }
});

test('on shards each holds a part, and all are asked', { skip }, async () => {
  const database = path.join(root, 'database'), before = found(database);
  // As docs/scale-out.md has it.
  sql('CREATE EXTENSION postgres_fdw; CREATE EXTENSION dblink');
  for (const [n, shard] of folders.slice(1).entries())
    sql(`CREATE SERVER mimeme_shard_${n + 1} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '${shard}', dbname 'postgres',
           extensions 'vector', async_capable 'true', batch_size '1000', 
           options '-c hnsw.ef_search=200 -c hnsw.iterative_scan=strict_order -c hnsw.max_scan_tuples=200000 -c hnsw.scan_mem_multiplier=20');
         CREATE USER MAPPING FOR CURRENT_USER SERVER mimeme_shard_${n + 1} OPTIONS (user 'mimeme')`);
  sql('DELETE FROM search_vectors');
  assert_same(found(database), before);
  const generation = sql("SELECT generation FROM search_vectors WHERE name = 'pictures'"), all = Number(sql('SELECT count(*) FROM images'));
  const held = begun.slice(1).map(({ stdout }) =>
    Number(sql(`SELECT count(*) FROM mimeme_${sql("SELECT replace(id, '-', '_') FROM identity")}.search_pictures_${generation}`, stdout.trim())));
  assert.equal(held[0] + held[1], all);
  assert.ok(held[0] > 0 && held[1] > 0, `${held}`);
  // The nearest are looked for there, not here.
  const plan = sql(`EXPLAIN (VERBOSE) SELECT id FROM ((SELECT id, vec <=> (SELECT vec FROM search_pictures_${generation}_0 LIMIT 1) AS d FROM search_pictures_${generation}_0
    ORDER BY d LIMIT 10) UNION ALL (SELECT id, vec <=> (SELECT vec FROM search_pictures_${generation}_0 LIMIT 1) AS d FROM search_pictures_${generation}_1 ORDER BY d LIMIT 10)) AS n ORDER BY d + 0`);
  assert.equal(plan.match(/Async Foreign Scan.*\n.*\n.*Remote SQL.*ORDER BY .*LIMIT 10/g)?.length, 2, plan);
  assert.deepEqual(json(database, 0, 'check').repaired, []);

  postgres('stop', folders[2]);
  const failed = mimeme(database, 'similar', pictures()[0]);
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /mimeme_shard_2/);
  postgres('start', folders[2]);
  assert_same(found(database), before);
});
