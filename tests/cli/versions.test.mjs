// Libraries that earlier versions made, each as it was then: they open, and all that the user said is there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { json, mimeme, scratch } from './mimeme.mjs';

const root = scratch(), kept = new URL('../data/libraries/', import.meta.url).pathname;

for (const file of fs.readdirSync(kept)) {
  test(`${file} opens`, () => {
    const folder = path.join(root, file), library = path.join(folder, 'library');
    fs.mkdirSync(folder);
    execFileSync('tar', ['-xJf', path.join(kept, file), '-C', folder]);

    // The first command that opens it may only read.
    const found = json(library, 0, 'search', 'batman');
    assert.equal(found.hits[0].id, 4);
    const status = json(library, 0, 'status');
    assert.deepEqual([status.images, status.searchable, status.projection.output_dim], [6, 6, 4]);
    assert.match(mimeme(library, 'describe', '4').stdout, /the caped crusader and his friend/);
    assert.deepEqual(json(library, 0, 'families').families.map(({ name, images, suggested }) => [name, images, suggested]),
      [['Old Friend', 1, 1]]);
    const [first, ...others] = json(library, 0, 'similar', '5').hits;
    assert.deepEqual([first.id, first.relation], [6, 'same_template']);
    assert.equal(others.length, 4);
    assert.equal(json(library, 1, 'duplicates').groups.length, 0, 'what was told apart stays apart');

    // It can be written to, and is whole.
    assert.equal(mimeme(library, 'suggestions', '--accept', '6').code, 0);
    assert.deepEqual(json(library, 0, 'families').families.map(({ images }) => images), [2]);
    assert.equal(json(library, 0, 'check').clean, true);
  });
}
