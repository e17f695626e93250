// The contract itself: sound, without loose ends, and the same document wherever it is read.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createConfig, lint } from '@redocly/openapi-core';
import { scratch } from '../cli/mimeme.mjs';
import { api, conforms, contract_file, operations, schema } from './contract.mjs';

test('the linter finds nothing in the contract', async () => {
  // `default` covers what would be 4xx.
  const config = await createConfig({ extends: ['recommended'], rules: { 'operation-4xx-response': 'off' } });
  const problems = await lint({ ref: contract_file, config });
  assert.deepEqual(problems.map(p => `${p.severity} ${p.ruleId}: ${p.message} (${p.location[0]?.pointer})`), []);
});

test('operations have names of their own, and every component is used', () => {
  const ids = operations.map(({ id }) => id);
  assert.ok(ids.every(Boolean));
  assert.equal(new Set(ids).size, ids.length);

  const used = new Set();
  (function collect(thing) {
    if (thing?.$ref) used.add(thing.$ref);
    if (thing && typeof thing === 'object') Object.values(thing).forEach(collect);
  })(api);
  const { securitySchemes, ...components } = api.components;  // they are named otherwise
  const named = operations.flatMap(({ ways }) => ways.flatMap(Object.keys));
  assert.deepEqual([...new Set(named)].sort(), Object.keys(securitySchemes).sort());
  const all = Object.entries(components).flatMap(([kind, named]) =>
    Object.keys(named).map(name => `#/components/${kind}/${name}`));
  assert.deepEqual([...used].sort(), all.sort());
});

test('openapi.json is the contract, and the page shows all of it without asking elsewhere', () => {
  const out = scratch(), tool = path.resolve('tools/openapi.mjs');
  execFileSync(process.execPath, [tool, contract_file, out]);
  assert.deepEqual(JSON.parse(fs.readFileSync(path.join(out, 'openapi.json'), 'utf8')), api);

  const page = fs.readFileSync(path.join(out, 'docs.html'), 'utf8');
  const anchors = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(m => m[1]));
  for (const { id } of operations) assert.ok(anchors.has(id), id);
  for (const name of Object.keys(api.components.schemas)) assert.ok(anchors.has(`schema-${name}`), name);
  const links = [...page.matchAll(/ href="([^"]+)"/g)].map(m => m[1]);
  const good = to => (to[0] === '#' ? anchors.has(to.slice(1)) : ['openapi.json', 'data:,'].includes(to));
  assert.deepEqual(links.filter(to => !good(to)), []);
  assert.doesNotMatch(page, /<script|<img|@import|url\(| src=| on\w+="/);
});

test('what a schema does not name is refused, wherever in an answer it is', () => {
  const problem = { type: 'about:blank', title: 'x', status: 415, code: 'unsupported', detail: 'x' };
  const line = { text: 'x', confidence: 1, corners: Array(4).fill([0, 0]) };
  const image = {
    id: 1, paths: [], format: 'png', width: 1, height: 1, bytes: 1, sha256: '', added_at: '2026-01-01T00:00:00Z',
    description: '', described_by: 'user', category: '', suggested_category: '', lines: [line],
  };
  const uploaded = (i, p) => ({ files: [{ name: 'x', outcome: 'known', image: i, problem: p }] });
  const refused = value => assert.throws(() => conforms(value, schema('Uploaded'), 'it'), /not what the contract says/);
  conforms(uploaded(image, null), schema('Uploaded'), 'it');
  conforms(uploaded(null, problem), schema('Uploaded'), 'it');
  refused({ ...uploaded(image, null), more: 1 });
  refused({ files: [{ ...uploaded(image, null).files[0], more: 1 }] });
  refused(uploaded({ ...image, more: 1 }, null));
  refused(uploaded({ ...image, lines: [{ ...line, more: 1 }] }, null));
  refused(uploaded({ ...image, lines: undefined }, null));
  refused(uploaded(null, { ...problem, more: 1 }));
});
