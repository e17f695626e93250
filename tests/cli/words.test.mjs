// Search by words with the real models: what is read in a picture, what it is called, what people say of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { json, make_meme, mimeme, scratch, small_disk, stamps } from './mimeme.mjs';

const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
const at = name => path.join(pictures, name);
const lion = path.join(stamps, 'animals/mammals/cats/tiger.png'), cow = path.join(stamps, 'animals/mammals/bovines/cow_white.png');

const found = (...query) => {
  const done = mimeme(library, 'search', ...query, '--json');
  assert.ok(done.code <= 1, done.stderr);
  return JSON.parse(done.stdout).hits;
};
const names = (...query) => found(...query).map(hit => path.basename(hit.paths[0]));

test('what is written in a picture is found, and where', async () => {
  await make_meme(at('one.png'), lion, 'ONE DOES NOT', 'SIMPLY WALK INTO MORDOR');
  await make_meme(at('two.png'), lion, 'BRACE YOURSELVES', 'WINTER IS COMING');
  await make_meme(at('three.png'), cow, 'MOO', 'POINT TAKEN');
  await make_meme(at('Grumpy Cat 2.png'), cow, '', '');
  assert.equal(json(library, 0, 'add', pictures, '--no-words').embedded, 4);
  assert.deepEqual(names('mordor'), [], 'not read yet');
  assert.deepEqual(names('grumpy cat'), ['Grumpy Cat 2.png'], 'the name is known at once');
  const { words } = json(library, 0, 'add');
  assert.deepEqual([words.read, words.embedded, words.failed, words.left_out], [4, 4, 0, []]);

  const [hit] = found('walk mordor');
  assert.deepEqual(hit.paths, [fs.realpathSync(at('one.png'))]);
  assert.ok(hit.similarity > 0.5 && hit.similarity <= 1);
  assert.ok(hit.why.text > 0.5);
  const match = hit.why.matches.find(m => m.match === 'MORDOR');
  assert.equal(match.field, 'says');
  assert.equal(match.kind, 'exact');
  // The caption stands in the lower quarter, and "MORDOR" at its right end.
  const [x, y] = [0, 1].map(i => match.corners.reduce((sum, corner) => sum + corner[i], 0) / 4);
  assert.ok(x > hit.width / 2 && x < hit.width && y > hit.height * 0.7 && y < hit.height, `${x}, ${y} of ${hit.width}×${hit.height}`);
});

test('other forms, parts, typos, phrases and exclusions', () => {
  assert.equal(names('walking into mordor')[0], 'one.png');
  assert.equal(names('brase yourself')[0], 'two.png');
  assert.equal(names('yourselvs')[0], 'two.png');
  assert.deepEqual(names('"winter is coming"'), ['two.png']);
  assert.deepEqual(names('"coming is winter"'), []);
  assert.deepEqual(names('simply -mordor'), []);
  assert.deepEqual(names('type:gif mordor'), []);
  assert.equal(names('type:png').length, 4);
});

test('nothing relevant is said, with exit status 1; nonsense is refused', () => {
  const none = mimeme(library, 'search', 'xylophone quartet');
  assert.equal(none.code, 1, none.stdout);
  assert.match(none.stdout, /nothing relevant/);
  assert.equal(json(library, 1, 'search', 'xylophone quartet').hits.length, 0);
  const wrong = mimeme(library, 'search', 'width>wide');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /width/);
  assert.equal(mimeme(library, 'search', '').code, 2);
  assert.equal(mimeme(library, 'search').code, 2);
});

test('the table marks what matched', () => {
  const { code, stdout } = mimeme(library, 'search', 'point taken');
  assert.equal(code, 0);
  assert.match(stdout, /^similarity +id +why +path$/m);
  assert.match(stdout, /says: \[POINT\] \[TAKEN\] .*three\.png$/m);
});

test('what the user says is found at once, and never replaced', () => {
  assert.equal(mimeme(library, 'describe', at('three.png'), 'a cow that makes a pun').code, 0);
  assert.equal(names('pun')[0], 'three.png');
  const meant = found('humour of cattle');
  assert.equal(path.basename(meant[0].paths[0]), 'three.png');
  assert.ok(meant[0].why.meaning > 0.3 && meant[0].why.text === 0, 'by meaning alone');
  json(library, 0, 'add');
  assert.equal(json(library, 0, 'describe', at('three.png')).description, 'a cow that makes a pun');
  assert.equal(mimeme(library, 'describe', at('three.png'), '').code, 0);
  assert.deepEqual(names('pun'), []);
});

test('one named member of a family finds the rest', () => {
  json(library, 0, 'category', at('one.png'), 'Imminent Ned');
  const hits = found('imminent ned');
  assert.deepEqual(hits.map(hit => path.basename(hit.paths[0])).sort(), ['one.png', 'two.png']);
  const suggested = hits.find(hit => hit.paths[0].endsWith('two.png'));
  assert.equal(suggested.category_is_suggested, true);
  json(library, 0, 'suggestions', '--refuse', String(suggested.id));
  assert.deepEqual(names('category:"imminent ned"'), ['one.png']);
});

test('what is removed is found no more', () => {
  json(library, 0, 'remove', at('two.png'));
  assert.deepEqual(names('"winter is coming"'), []);
  const checked = json(library, 0, 'check');
  assert.equal(checked.clean, true);
  assert.deepEqual([checked.texts, checked.meanings], [3, 3]);
});

test('what cannot be done is said, and the rest is done', () => {
  const id = json(library, 0, 'describe', at('three.png')).id;
  const answered = mimeme(library, 'suggestions', '--refuse', '99', '--refuse', String(id));
  assert.equal(answered.code, 3);
  assert.match(answered.stderr, /image 99/);
  assert.equal(json(library, 0, 'describe', at('three.png'), ' \n ').description, json(library, 0, 'describe', String(id)).description, 'blanks say nothing');
  assert.equal(mimeme(library, 'describe', '--from', pictures).code, 4, 'a folder');
  const bulk = path.join(root, 'bulk.jsonl');
  fs.writeFileSync(bulk, `{"image": ${id}, "description": "good"}\n{"image": ${id}, "descripton": "misspelt", "category": "x"}\n`);
  const partly = mimeme(library, 'describe', '--from', bulk);
  assert.equal(partly.code, 3);
  assert.match(partly.stderr, /line 2: `descripton` is not known/);
  assert.equal(names('good')[0], 'three.png');
});

test('a library on a read-only disk is searched all the same', t => {
  if (process.env.MIMEME_TEST_POSTGRESQL) return t.skip('its catalog would be elsewhere');
  const disk = small_disk(t, path.join(root, 'disk'), '200m');
  if (!disk) return;
  const copy = path.join(disk, 'library');
  fs.cpSync(library, copy, { recursive: true });
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0);
  const { code, stdout, stderr } = mimeme(copy, 'search', 'mordor');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /\[MORDOR\]/);
  assert.equal(stderr, '');
});
