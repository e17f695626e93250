// The same picture several times in a library of the real models: found, and nothing else with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
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
  await make_meme(file('today.png'), stamps[30], 'NOT TODAY', 'OLD FRIEND');
  await make_meme(file('tomorrow.png'), stamps[30], 'BUT TOMORROW', 'MY DEAR');  // of the same template
  await make_meme(file('alone.png'), stamps[36], 'BATMAN', 'ALONE AGAIN');
  // Each as it came back from somewhere else.
  await sharp(file('today.png')).resize(420).jpeg({ quality: 50 }).toFile(file('today-small.jpg'));
  await sharp(file('today.png')).modulate({ brightness: 1.1 }).jpeg({ quality: 80 }).toFile(file('today-bright.jpg'));
  await sharp(file('alone.png')).resize(1000).webp({ quality: 70 }).toFile(file('alone-large.webp'));
  const added = mimeme(library, 'add', pictures);
  assert.equal(added.code, 0, added.stderr);
});

const names = ({ groups }) => groups.map(({ images }) => images.map(({ paths }) => path.basename(paths[0])));
const TODAY = ['today.png', 'today-bright.jpg', 'today-small.jpg'], ALONE = ['alone-large.webp', 'alone.png'];
const by_name = (a, b) => (a[0] < b[0] ? -1 : 1);
const found = () => names(json(library, 0, 'duplicates')).sort(by_name);

test('copies are grouped, the best first; what has other words is none', () => {
  const told = json(library, 0, 'duplicates');
  assert.deepEqual(names(told).sort(by_name), [ALONE, TODAY]);
  assert.equal(told.rough, 0);
  for (const { best, images } of told.groups) {
    assert.equal(best, images[0].id);
    assert.equal(images[0].similarity, 1);
    for (const { similarity } of images) assert.ok(similarity >= 0.9, similarity);
  }
});

test('for people: a table by group, and what there is to spare', () => {
  const { code, stdout } = mimeme(library, 'duplicates');
  assert.equal(code, 0);
  const rows = stdout.trimEnd().split('\n');
  assert.match(rows[0], /^group +similarity +id +size +bytes +path$/);
  assert.equal(rows.filter(row => /^ *\d+ +best +\d+ +\d+×\d+ /.test(row)).length, 2, stdout);
  assert.match(stdout, /\n2 groups; 3 copies of .* beside the best\n$/);
});

test('what is told apart is remembered, exported and taken back', () => {
  const alone = [file('alone.png'), file('alone-large.webp')];
  assert.match(mimeme(library, 'duplicates', '--not', ...alone).stdout, /are not the same picture/);
  assert.deepEqual(found(), [TODAY]);
  const exported = path.join(folder, 'export'), other = path.join(folder, 'other', 'library');
  assert.equal(mimeme(library, 'export', exported).code, 0);
  assert.equal(mimeme(other, 'import', exported).code, 0);
  assert.ok(fs.readFileSync(path.join(exported, 'images.jsonl'), 'utf8').includes('not_duplicates'));
  assert.equal(mimeme(library, 'duplicates', '--same', ...alone).code, 0);
  assert.deepEqual(found(), [ALONE, TODAY]);
});

test('what cannot be told apart is said', () => {
  for (const [args, code, says] of [
    [['--not', '1'], 2, /--not/],
    [['--not', '1', '1'], 2, /the same picture as itself/],
    [['--not', '1', '999'], 4, /999/],
    [['--not', '1', file('nothing.png')], 4, /not in the library/],
  ]) {
    const told = mimeme(library, 'duplicates', ...args);
    assert.equal(told.code, code, args.join(' ') + told.stderr);
    assert.match(told.stderr, says);
  }
});

test('none: exit status 1', () => {
  const unique = path.join(folder, 'unique');
  fs.mkdirSync(unique);
  fs.copyFileSync(file('alone.png'), path.join(unique, 'alone.png'));
  const other = path.join(folder, 'unique-library', 'library');
  assert.equal(mimeme(other, 'add', '--no-words', unique).code, 0);
  const { code, stdout, stderr } = mimeme(other, 'duplicates');
  assert.equal(code, 1);
  assert.equal(stdout, 'no two images are the same picture\n');
  assert.match(stderr, /1 picture was only roughly compared/);
});

test('beside a server it says the same', async () => {
  const server = await serve(library);
  try {
    const told = await run(library, 'duplicates', '--json');
    assert.equal(told.code, 0, told.stderr);
    assert.deepEqual(names(JSON.parse(told.stdout)).sort(by_name), [ALONE, TODAY]);
    const page = await (await fetch(`${server.address}/api/v1/duplicates`)).json();
    assert.equal(page.waiting, 0, 'the server has what the command compared');
    assert.deepEqual(names(page).sort(by_name), [ALONE, TODAY]);
  } finally {
    await server.end();
  }
});
