// A library's life: add, find, change, move, remove, export, import, check.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { copy_into, json, mimeme, pick_stamps, scratch, start, until } from './mimeme.mjs';

const root = scratch();
const pictures = path.join(root, 'pictures');
const library = path.join(root, 'library');
const files = copy_into(pictures, pick_stamps(24));

test('without a library, asking says how to make one', () => {
  const { code, stderr } = mimeme(library, 'similar', files[0]);
  assert.equal(code, 4);
  assert.match(stderr, /no library.*mimeme add/);
});

test('add indexes a folder, and again does only what is new, changed or gone', () => {
  assert.equal(json(library, 0, 'add', pictures).embedded, 24);
  const again = json(library, 0, 'add', pictures);
  assert.deepEqual([again.embedded, again.unchanged, again.removed], [0, 24, 0]);

  fs.mkdirSync(path.join(pictures, 'deeper'));
  fs.renameSync(files[0], path.join(pictures, 'deeper', 'moved.png'));  // moved: known by its bytes
  fs.copyFileSync(files[2], files[1]);                                  // changed: now the same picture as another
  fs.rmSync(files[3]);                                                  // gone
  fs.copyFileSync('/usr/share/tuxpaint/stamps/animals/birds/vulture.png', path.join(pictures, 'new.png'));
  const changed = json(library, 0, 'add');  // no path: every folder added before
  assert.deepEqual([changed.embedded, changed.known, changed.unchanged, changed.removed], [1, 2, 21, 1]);
  assert.equal(json(library, 0, 'check').clean, true);
  assert.equal(json(library, 0, 'status').images, 23);

  fs.utimesSync(files[5], new Date(), new Date());  // touched: read again, and known
  assert.match(mimeme(library, 'add').stdout, /, 1 already known by their bytes, 23 unchanged\n/);
});

test('similar finds the very picture first, through a recompressed and shrunken copy', async () => {
  const query = path.join(root, 'query.jpg');
  await sharp(files[10]).flatten({ background: '#808080' }).resize({ width: 200 }).jpeg({ quality: 60 }).toFile(query);
  const { hits } = json(library, 0, 'similar', query, '--limit', '3');
  assert.deepEqual(hits[0].paths, [fs.realpathSync(files[10])]);
  assert.ok(hits[0].similarity > 0.8 && hits[0].similarity <= 1, String(hits[0].similarity));
  assert.ok(hits[0].similarity > hits[1].similarity && hits[1].similarity >= hits[2].similarity);

  const self = json(library, 0, 'similar', files[10]);
  assert.ok(self.hits[0].similarity > 0.9999, 'the same bytes are similarity 1');
  const by_id = json(library, 0, 'similar', String(self.hits[0].id));
  assert.ok(by_id.hits.every(hit => hit.id !== self.hits[0].id), 'an image asked for by id is not its own neighbour');
});

test('one picture at two paths is one image', () => {
  const { hits } = json(library, 0, 'similar', files[2], '--limit', '1');
  assert.deepEqual(hits[0].paths, [files[1], files[2]].map(f => fs.realpathSync(f)));
});

test('nothing similar enough is said, with exit status 1', () => {
  const self = json(library, 0, 'similar', files[5], '--limit', '1').hits[0].id;
  const none = mimeme(library, 'similar', String(self), '--min', '1');
  assert.equal(none.code, 1);
  assert.match(none.stdout, /no good match/);
});

test('remove forgets and touches no file', () => {
  const before = json(library, 0, 'status').images;
  assert.equal(json(library, 0, 'remove', files[6]).removed, 1);
  const id = json(library, 0, 'similar', files[7], '--limit', '1').hits[0].id;
  assert.equal(json(library, 0, 'remove', String(id)).removed, 1);
  assert.equal(mimeme(library, 'remove', path.join(root, 'nothing.png')).code, 1);
  assert.ok(fs.existsSync(files[6]) && fs.existsSync(files[7]));
  assert.equal(json(library, 0, 'status').images, before - 2);
  const { hits } = json(library, 0, 'similar', files[6], '--limit', '30');
  assert.ok(hits.every(hit => !hit.paths.includes(files[6])));
  assert.equal(json(library, 0, 'add').embedded, 2, 'they come back with the next add');
});

test('an export is plain files, and an import of it is the same library without the model', () => {
  const folder = path.join(root, 'export'), other = path.join(root, 'other');
  assert.equal(json(library, 0, 'export', folder).embeddings, 23);
  const lines = fs.readFileSync(path.join(folder, 'images.jsonl'), 'utf8').trimEnd().split('\n').map(l => JSON.parse(l));
  assert.equal(lines.length, 23);
  const npy = fs.readFileSync(path.join(folder, 'embeddings.npy'));
  assert.match(npy.subarray(0, 128).toString('latin1'), /NUMPY.*'<f2'.*\(23, 2048\)/);
  assert.equal(npy.length, 128 + 23 * 2048 * 2);
  assert.equal(mimeme(library, 'export', folder).code, 2, 'a folder that is not empty is left alone');

  assert.deepEqual(json(other, 0, 'import', folder), { images: 23, embeddings: 23 });
  assert.deepEqual(json(other, 0, 'import', folder), { images: 0, embeddings: 0 }, 'a second time there is nothing new');
  const strip = hits => hits.map(({ id, similarity, ...rest }) => [rest.paths, similarity.toFixed(4)]);
  const ask = from => strip(json(from, 0, 'similar', files[12], '--limit', '5').hits);
  assert.deepEqual(ask(other).map(([paths]) => paths)[0], ask(library)[0][0]);
  assert.equal(json(other, 0, 'check').clean, true);
  const added = json(other, 0, 'add');  // the folders came along
  assert.deepEqual([added.embedded, added.failed], [0, 0], 'the bytes are known: nothing is embedded again');
  assert.deepEqual(ask(other), ask(library), 'details of pictures are no part of an export: add has looked at them');
});

test('what is no whole export makes no library', () => {
  const folder = path.join(root, 'broken'), nothing = path.join(root, 'nothing');
  assert.equal(json(library, 0, 'export', folder).images, 23);
  const refused = (folder, complaint) => {
    const { code, stderr } = mimeme(nothing, 'import', folder);
    assert.equal(code, 4);
    assert.match(stderr, complaint);
    assert.ok(!fs.existsSync(nothing), 'no library was made');
  };
  refused(path.join(root, 'nowhere'), /library\.json is missing/);
  // One flag less, and every later picture would have its neighbour's embedding.
  const lines = path.join(folder, 'images.jsonl'), text = fs.readFileSync(lines, 'utf8');
  fs.writeFileSync(lines, text.replace('"embedded":true', '"embedded":false'));
  refused(folder, /images\.jsonl: 22 lines with an embedding, library\.json says 23/);
  fs.writeFileSync(lines, text);
  fs.truncateSync(path.join(folder, 'embeddings.npy'), 10_000);
  refused(folder, /embeddings\.npy: 10000 bytes, library\.json makes it 94336/);
});

test('derived files can be deleted, damaged or foreign: they come back', () => {
  const ask = () => json(library, 0, 'similar', files[12], '--limit', '5').hits;
  const expected = ask(), index = path.join(library, 'index');
  fs.rmSync(index, { recursive: true });
  assert.equal(ask()[0].id, expected[0].id, 'found by embeddings alone');
  assert.equal(json(library, 0, 'check').clean, true);
  json(library, 0, 'add');  // looks at the pictures again
  assert.deepEqual(ask(), expected);
  const file = path.join(index, 'vectors.bin');
  fs.writeFileSync(file, 'nonsense');
  assert.deepEqual(ask(), expected);
  const whole = fs.readFileSync(file);
  fs.writeFileSync(file, whole.subarray(0, whole.length - 7));
  assert.deepEqual(ask(), expected);
  // A flipped bit in a vector is not seen on opening; check sees it, and mends it.
  const flipped = fs.readFileSync(file);
  flipped[flipped.length - 1] ^= 0x40;
  fs.writeFileSync(file, flipped);
  const checked = json(library, 0, 'check');
  assert.match(checked.repaired.join(), /index/);
  assert.equal(json(library, 0, 'check').clean, true);
  assert.deepEqual(ask(), expected);
});

test('pca fit reduces without decoding: the originals may be away', () => {
  const away = pictures + '.away', before = json(library, 0, 'similar', files[12], '--limit', '3').hits[0].paths;
  fs.renameSync(pictures, away);
  try {
    const fitted = json(library, 0, 'pca', 'fit', '--dim', '10');
    assert.deepEqual([fitted.kind, fitted.input_dim, fitted.output_dim], ['pca', 2048, 10]);
    assert.equal(json(library, 0, 'pca', 'fit', '--variance', '1').output_dim, 22, '23 images span 22 dimensions');
    assert.equal(mimeme(library, 'pca', 'fit', '--dim', '500').code, 2);
    const shown = json(library, 0, 'pca', 'show', '--recall', '23');
    assert.ok(shown.recall_at_10.against_centred_raw > 0.99, JSON.stringify(shown.recall_at_10));
    assert.match(mimeme(library, 'pca', 'show').stdout, /2048 → 22 dimensions keep 100.00 % of the variance/);
  } finally {
    fs.renameSync(away, pictures);
  }
  assert.deepEqual(json(library, 0, 'similar', files[12], '--limit', '3').hits[0].paths, before);
});

test('a folder that is suddenly empty or missing loses nothing', () => {
  const before = json(library, 0, 'status').images, away = pictures + '.away';
  fs.renameSync(pictures, away);
  assert.match(mimeme(library, 'add', pictures).stderr, /No such file.*mimeme remove/);
  fs.mkdirSync(pictures);  // as an unmounted disk leaves it
  const { code, stderr } = mimeme(library, 'add', pictures);
  assert.equal(code, 4);
  assert.match(stderr, /is the disk mounted/);
  fs.rmdirSync(pictures);
  fs.renameSync(away, pictures);
  assert.equal(json(library, 0, 'status').images, before);
  assert.equal(json(library, 0, 'add', pictures).embedded, 0);
});

test('two writers: the second is told at once who holds the library', async () => {
  const more = path.join(root, 'more');
  copy_into(more, pick_stamps(60));
  const first = start(library, 'add', more);
  const holds = new RegExp(`POSIX +ADVISORY +WRITE +${first.child.pid} `);
  await until(() => holds.test(fs.readFileSync('/proc/locks', 'utf8')), 'the lock');
  const second = mimeme(library, 'add', pictures);
  assert.equal(second.code, 4);
  assert.match(second.stderr, new RegExp(`in use by process ${first.child.pid} \\(.*mimeme add`));
  const reader = mimeme(library, 'similar', files[12]);
  assert.equal(reader.code, 4, 'a reader is told too');
  first.child.kill('SIGINT');
  const { code, stderr } = await first.ended;
  assert.equal(code, 3, stderr);
  assert.match(stderr, /run the same command again/);
  assert.equal(json(library, 0, 'check').clean, true);
  const rest = json(library, 0, 'add', more);
  assert.equal(rest.failed, 0);
  assert.equal(json(library, 0, 'add', more).embedded, 0);
});
