// The help texts, word for word. After a change on purpose: UPDATE_GOLDEN=1 node --test tests/cli/help.test.mjs
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { mimeme, scratch } from './mimeme.mjs';

const golden = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), 'help.golden');
const library = path.join(scratch(), 'library');
const commands = [[], ['add'], ['similar'], ['duplicates'], ['families'], ['backup'], ['remove'], ['status'], ['check'], ['export'], ['import'], ['serve'], ['pca'],
  ['pca', 'fit'], ['pca', 'show'], ['models'], ['models', 'list'], ['models', 'show'], ['models', 'verify'],
  ['models', 'add'], ['models', 'use'], ['evaluate'], ['keys'], ['keys', 'create'], ['keys', 'list'], ['keys', 'revoke']];

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
    [['similar', 'a.jpg', '--min', '2'], /^mimeme: --min: 2 is not a number from 0 to 1; see `mimeme similar --help`\n$/],
    [['similar', 'a.jpg', '--min', 'nan'], /--min: nan is not a number from 0 to 1;/],
    [['similar', 'a.jpg', '--limit', '010x'], /--limit: 010x is not a whole number from 1 to 1000000;/],
    [['add', '--threads', 'x', '.'], /--threads: x is not a whole number from 0 to 256; see `mimeme add --help`/],
    [['add', '--max-bytes', '100MB', '.'], /--max-bytes: 100MB is not a whole number above 0;/],
    [['add', '--max-frames', '3000000000', '.'], /--max-frames: 3000000000 is not a whole number from 1 to 2147483647;/],
    [['pca'], /^mimeme: A subcommand is required; see `mimeme pca --help`\n$/],
    [['pca', 'fit', '--dim', '-1'], /--dim: -1 is not a whole number above 0; see `mimeme pca fit --help`/],
    [['pca', 'fit', '--variance', 'nan'], /--variance: nan is not a number from 0 to 1;/],
    [['pca', 'fit', '--dim', '5', '--variance', '0.5'], /excludes/],
    [['status', '--library', ''], /--library needs a folder/],
  ]) {
    const { code, stdout, stderr } = mimeme(library, ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, says);
    assert.match(stderr, /^mimeme: [^\n]*\n$/m);
    assert.equal(stdout, '');
    for (const with_json of [['--json', ...args], [...args, '--json']]) {
      const told = mimeme(library, ...with_json);
      assert.equal(told.code, 2);
      assert.ok(stderr.endsWith(`mimeme: ${JSON.parse(told.stdout).error}\n`), told.stdout);
    }
  }
});
