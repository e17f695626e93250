// The help texts, word for word. After a change on purpose: UPDATE_GOLDEN=1 node --test tests/cli/help.test.mjs
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { mimeme, scratch } from './mimeme.mjs';

const golden = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), 'help.golden');
const library = path.join(scratch(), 'library');
const commands = [[], ['add'], ['similar'], ['remove'], ['status'], ['check'], ['export'], ['import'], ['pca'],
  ['pca', 'fit'], ['pca', 'show'], ['models'], ['models', 'list'], ['models', 'show'], ['models', 'verify'],
  ['models', 'add'], ['models', 'use'], ['evaluate']];

test('help says what it always said', () => {
  let text = '';
  for (const command of commands) {
    const { code, stdout, stderr } = mimeme(library, ...command, '--help');
    assert.equal(code, 0, command.join(' '));
    assert.equal(stderr, '');
    text += `$ mimeme ${[...command, '--help'].join(' ')}\n${stdout.trimEnd().replace(/[ \t]+$/gm, '')}\n\n`;
  }
  if (process.env.UPDATE_GOLDEN) fs.writeFileSync(golden, text);
  assert.equal(text, fs.readFileSync(golden, 'utf8'));
});

test('wrong usage is told apart and explained', () => {
  for (const [args, says] of [
    [[], /Subcommands:\n  add /],
    [['frobnicate'], /frobnicate/],
    [['similar'], /QUERY is required/],
    [['similar', 'a.jpg', '--min', '2'], /--min/],
    [['add', '--threads', 'x', '.'], /--threads/],
    [['pca', 'fit', '--dim', '5', '--variance', '0.5'], /excludes/],
  ]) {
    const { code, stderr } = mimeme(library, ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, says);
  }
});
