// Several memes of one template in a library of the real models: found without a word, named as one.
import assert from 'node:assert/strict';
import path from 'node:path';
import { before, test } from 'node:test';
import sharp from 'sharp';
import { serve } from '../http/server.mjs';
import { copy_into, json, make_meme, mimeme, pick_stamps, run, scratch } from './mimeme.mjs';

const folder = scratch(), library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
const file = name => path.join(pictures, name);
const stamps = pick_stamps(60);

before(async () => {
  copy_into(pictures, stamps.slice(0, 8));
  for (const [i, words] of ['NOT TODAY', 'BUT TOMORROW', 'MAYBE NEVER'].entries())
    await make_meme(file(`friend${i}.png`), stamps[30], words, 'OLD FRIEND');
  for (const [i, words] of ['BATMAN', 'ROBIN'].entries()) await make_meme(file(`alone${i}.png`), stamps[36], words, 'ALONE AGAIN');
  // Copies of one picture make no family; one in a family is of it.
  await make_meme(file('copied.png'), stamps[33], 'SEEN', 'BEFORE');
  await sharp(file('copied.png')).resize(420).jpeg({ quality: 60 }).toFile(file('copied-small.jpg'));
  await sharp(file('alone0.png')).resize(420).jpeg({ quality: 60 }).toFile(file('alone0-small.jpg'));
  const added = mimeme(library, 'add', pictures);
  assert.equal(added.code, 0, added.stderr);
});

const FRIENDS = ['friend0.png', 'friend1.png', 'friend2.png'], ALONE = ['alone0-small.jpg', 'alone0.png', 'alone1.png'];
const names = ({ images }) => images.map(({ paths }) => path.basename(paths[0])).sort();
const listed = (code = 0) => json(library, code, 'families');
const unnamed = told => told.unnamed.map(names).sort((a, b) => (a[0] < b[0] ? -1 : 1));
const category = name => json(library, 0, 'describe', file(name)).category;

test('what is of one template is a group; copies of one picture are none', () => {
  const told = listed();
  assert.deepEqual(unnamed(told), [ALONE, FRIENDS]);
  assert.deepEqual(told.families, []);
  assert.equal(told.rough, 0);
  for (const { name, images } of told.unnamed) {
    assert.equal(name, '');
    for (const { category } of images) assert.equal(category, '');
  }
});

test('for people: a table by group, and how to name one', () => {
  const { code, stdout } = mimeme(library, 'families');
  assert.equal(code, 0);
  const rows = stdout.trimEnd().split('\n');
  assert.match(rows[0], /^group +images +id +family +path$/);
  assert.equal(rows.filter(row => /^ *[12] +3 +\d+ +\? +\//.test(row)).length, 2, stdout);
  assert.match(stdout, /\n2 families to name, with 6 images that have no name: mimeme families --name NAME ID\n$/);
});

test('what one is called is proposed; naming the family leaves it that name', () => {
  assert.equal(mimeme(library, 'category', file('friend1.png'), 'Tomorrow').code, 0);
  const group = listed().unnamed.find(({ name }) => name === 'Tomorrow');
  assert.deepEqual(names(group), FRIENDS);
  assert.match(mimeme(library, 'families').stdout, /\n +1 +\d+ +Tomorrow\n\n/, 'the families that have a name, too');

  const named = mimeme(library, 'families', '--name', 'Old Friend', file('friend0.png'));
  assert.deepEqual([named.code, named.stdout], [0, '2 of 3 images named Old Friend\n']);
  assert.deepEqual(['friend0.png', 'friend1.png', 'friend2.png'].map(category), ['Old Friend', 'Tomorrow', 'Old Friend']);
  const told = listed();
  assert.deepEqual(unnamed(told), [ALONE]);
  assert.deepEqual(told.families.map(({ name, images }) => [name, images]), [['Old Friend', 2], ['Tomorrow', 1]]);
  const found = json(library, 0, 'search', 'category:"old friend"');
  assert.equal(found.hits.length, 2, 'search knows it');
});

test('what cannot be named is said', () => {
  for (const [args, code, says] of [
    [['--name', 'x'], 2, /--name NAME ID/],
    [['7'], 2, /--name NAME ID/],
    [['--name', ' ', '1'], 2, /name says something/],
    [['--name', 'x', '999'], 4, /999/],
    [['--name', 'x', file('nothing.png')], 4, /not in the library/],
    [['--name', 'x', file('copied.png')], 1, /is of no family/],
    [['--name', 'x', file('friend0.png')], 1, /have a category already/],
  ]) {
    const told = mimeme(library, 'families', ...args);
    assert.equal(told.code, code, args.join(' ') + told.stderr);
    assert.match(told.stdout + told.stderr, says);
  }
  assert.deepEqual(json(library, 1, 'families', '--name', 'x', file('copied.png')), { named: [] });
});

test('none: exit status 1', () => {
  const other = path.join(folder, 'other', 'library');
  assert.equal(mimeme(other, 'add', '--no-words', file('copied.png')).code, 0);
  const { code, stdout, stderr } = mimeme(other, 'families');
  assert.equal(code, 1);
  assert.equal(stdout, 'no category is named, and no two images are of one template\n');
  assert.match(stderr, /1 picture was only roughly compared/);
});

test('beside a server it says and does the same', async () => {
  const server = await serve(library);
  try {
    const told = await run(library, 'families', '--json');
    assert.equal(told.code, 0, told.stderr);
    assert.deepEqual(unnamed(JSON.parse(told.stdout)), [ALONE]);
    const page = await (await fetch(`${server.address}/api/v1/families/unnamed`)).json();
    assert.equal(page.waiting, 0, 'the server has what the command compared');
    assert.deepEqual(page.groups.map(names), [ALONE]);
    const named = await run(library, 'families', '--name', 'Alone', file('alone1.png'));
    assert.deepEqual([named.code, named.stdout], [0, '3 of 3 images named Alone\n'], named.stderr);
    assert.deepEqual((await (await fetch(`${server.address}/api/v1/families/unnamed`)).json()).groups, []);
  } finally {
    await server.end();
  }
  assert.deepEqual(unnamed(listed()), []);
});
