// A joint model, added by the user: words find what pictures show, though no word is near them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { json, mimeme, scratch } from './mimeme.mjs';

const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
const made = spawnSync(process.execPath, ['models/make_joint.mjs', '--out', root], { encoding: 'utf8' });
assert.equal(made.status, 0, made.stderr);
const model = name => [path.join(root, name, 'model.onnx'), '--manifest', path.join(root, name, 'manifest.json')];

async function paint(name, [r, g, b], format = 'png') {
  fs.mkdirSync(pictures, { recursive: true });
  const picture = sharp({ create: { width: 16, height: 16, channels: 3, background: { r, g, b } } });
  await picture.toFormat(format).toFile(path.join(pictures, `${name}.${format}`));
}
const search = (...query) => {
  const done = mimeme(library, 'search', ...query, '--json');
  assert.ok(done.code <= 1, done.stderr);
  return JSON.parse(done.stdout).hits;
};
const names = (...query) => search(...query).map(hit => path.parse(hit.paths[0]).name);

test('the text half is added after the image half, whole, and only if it fits', () => {
  const early = mimeme(library, 'models', 'add', ...model('colour-words'));
  assert.equal(early.code, 4, early.stderr);
  assert.match(early.stderr, /no model is called "colours"/);
  json(library, 0, 'models', 'add', ...model('colours'));

  const [onnx, flag, manifest] = model('colour-words'), whole = JSON.parse(fs.readFileSync(manifest, 'utf8'));
  const attempt = (change, says) => {
    const file = path.join(path.dirname(manifest), 'other.json');
    fs.writeFileSync(file, JSON.stringify({ ...whole, ...change }));
    const { code, stderr } = mimeme(library, 'models', 'add', onnx, flag, file);
    assert.equal(code, 4, stderr);
    assert.match(stderr, says);
  };
  attempt({ outputs: { embedding: { name: 'text_embeds', dim: 5 } } }, /of 5 dimensions, its image model colours of 4/);
  attempt({ joint_with: undefined }, /colour-words is for text-embedding, not for image-embedding/);
  attempt({ min_similarity: undefined }, /`min_similarity` is missing/);
  attempt({ input: { ...whole.input, vocabulary_sha256: '0'.repeat(64) } }, /vocab\.txt.*SHA-256/);

  const added = json(library, 0, 'models', 'add', onnx, flag, manifest);
  assert.deepEqual([added.name, added.dim, added.joint_with], ['colour-words', 4, 'colours']);
  assert.ok(fs.existsSync(path.join(path.dirname(added.file), 'vocab.txt')));
  assert.match(mimeme(library, 'models', 'show', 'colour-words').stdout, /joint with +colours/);
  assert.deepEqual(json(library, 0, 'models', 'verify', 'colour-words').map(m => m.ok), [true]);
  assert.equal(mimeme(library, 'models', 'use', 'colour-words').code, 4, 'it embeds no pictures');
});

test('words find what pictures show', async () => {
  await paint('1', [250, 5, 10]);
  await paint('2', [200, 40, 30], 'webp');
  await paint('3', [5, 250, 5]);
  await paint('4', [10, 5, 240]);
  await paint('5', [5, 10, 15]);
  await paint('red carpet', [10, 240, 20]);
  assert.equal(json(library, 0, 'models', 'use', 'colours').embedded, 0);
  assert.equal(json(library, 0, 'add', pictures, '--no-words').embedded, 6);

  assert.deepEqual(names('blue'), ['4']);
  assert.deepEqual(names('dark'), ['5']);
  const red = search('red');
  assert.deepEqual(red.map(hit => path.parse(hit.paths[0]).name), ['red carpet', '1', '2'], 'words come first');
  assert.equal(red[0].why.picture, 0);
  assert.deepEqual([red[1].why.text, red[1].why.meaning], [0, 0]);
  assert.ok(red[1].why.picture > red[2].why.picture && red[2].why.picture >= 0.6);
  assert.equal(red[1].similarity, red[1].why.picture);
  assert.match(mimeme(library, 'search', 'blue').stdout, /^ *0\.\d+ +\d+ +shows the like \(0\.\d\d\) +.*4\.png$/m);
});

test('filters, phrases and exclusions hold for what is shown', () => {
  assert.deepEqual(names('red', 'type:webp'), ['2']);
  assert.deepEqual(names('"red"'), ['red carpet'], 'a phrase wants the words themselves');
  assert.deepEqual(names('green -carpet'), ['3']);
});

test('nothing relevant is said', () => {
  assert.deepEqual(names('yellow'), [], 'a colour that no picture has');
  const none = mimeme(library, 'search', 'xylophone quartet');
  assert.equal(none.code, 1, none.stdout);
  assert.match(none.stdout, /nothing relevant/);
});

test('with another image model its half is left out', () => {
  assert.equal(json(library, 0, 'models', 'use', 'inception-v3').embedded, 6);
  assert.deepEqual(names('blue'), []);
  assert.deepEqual(names('red'), ['red carpet']);
  assert.equal(json(library, 0, 'models', 'use', 'colours').embedded, 6);
  assert.deepEqual(names('blue'), ['4']);
});

test('reduced vectors find the same', async () => {
  for (let i = 0; i < 300; i++) await paint(`grey ${i}`, [110 + (i % 7) * 6, 110 + (i % 11) * 4, 110 + (i % 13) * 3]);
  assert.equal(json(library, 0, 'add', '--no-words').embedded, 300);
  assert.equal(json(library, 0, 'status').projection.kind, 'pca');
  assert.deepEqual(names('blue'), ['4']);
  assert.deepEqual(names('dark'), ['5']);
  assert.deepEqual(names('red'), ['red carpet', '1', '2']);
  assert.deepEqual(names('yellow'), []);
  assert.equal(mimeme(library, 'search', 'xylophone quartet').code, 1);
});
