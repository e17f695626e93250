// Models of one's own: any classifier-style backbone loads, indexes and searches; a library never mixes two models.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { copy_into, json, mimeme, pick_stamps, scratch } from './mimeme.mjs';

const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
const files = copy_into(pictures, pick_stamps(12)).map(f => fs.realpathSync(f));

function make_resnet(depth) {
  const out = path.join(root, `resnet${depth}`);
  const made = spawnSync(process.execPath, ['models/make_resnet.mjs', '--depth', depth, '--seed', '1', '--out', out], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return [path.join(out, 'model.onnx'), '--manifest', path.join(out, 'manifest.json')];
}
const first = file => json(library, 0, 'similar', file, '--limit', '1').hits[0];

test('the built-in models are listed, described and verified', () => {
  assert.deepEqual(json(library, 0, 'models', 'list').map(m => [m.name, m.task, m.input, m.dim]), [
    ['inception-v3', 'image-embedding', '299×299 stretch', 2048],
    ['minilm-l6-v2', 'text-embedding', '256 tokens', 384],
  ]);
  assert.match(mimeme(library, 'models', 'list').stdout, /minilm-l6-v2 +text-embedding +256 tokens +384/);
  assert.match(mimeme(library, 'models', 'show', 'inception-v3').stdout, /licence +MIT/);
  assert.match(mimeme(library, 'models', 'show', 'minilm-l6-v2').stdout, /input +`input_ids` and `attention_mask`, up to 256 tokens/);
  assert.deepEqual(json(library, 0, 'models', 'verify').map(m => m.ok), [true, true]);
  const unknown = mimeme(library, 'models', 'show', 'nonesuch');
  assert.equal(unknown.code, 4);
  assert.match(unknown.stderr, /there are: inception-v3/);
});

for (const [depth, dim] of [['18', 512], ['50', 2048]])
  test(`a ResNet${depth} of the torchvision layout is added, indexes and searches`, () => {
    const model = make_resnet(depth), name = `resnet${depth}-random`;
    if (depth === '18') assert.equal(json(library, 0, 'add', pictures).embedded, 12);
    const added = json(library, 0, 'models', 'add', ...model);
    assert.deepEqual([added.name, added.dim], [name, dim]);
    assert.equal(mimeme(library, 'models', 'add', ...model).code, 2, 'the name is taken');
    assert.equal(json(library, 0, 'models', 'use', name).embedded, 12);
    const { model: used, projection, searchable } = json(library, 0, 'status');
    assert.deepEqual([used, projection.input_dim, searchable], [name, dim, 12]);
    const hit = first(files[4]);
    assert.deepEqual(hit.paths, [files[4]]);
    assert.ok(hit.similarity > 0.9999);
    assert.equal(json(library, 0, 'models', 'use', name).embedded, 0, 'again does nothing');
    assert.equal(json(library, 0, 'check').clean, true);
  });

test('a text model is not taken for an image model', () => {
  const { file } = json(library, 0, 'models', 'list').find(m => m.name === 'minilm-l6-v2');
  for (const attempt of [['use', 'minilm-l6-v2'], ['add', file, '--manifest', path.join(path.dirname(file), 'manifest.json')]]) {
    const { code, stderr } = mimeme(library, 'models', ...attempt);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /minilm-l6-v2 is for text-embedding, not for image-embedding/);
  }
  assert.equal(json(library, 0, 'status').model, 'resnet50-random');
});

test('a model whose weights changed is refused until it is chosen anew', () => {
  const folder = path.join(root, 'data', 'mimeme-models', 'resnet50-random');
  const onnx = path.join(folder, 'model.onnx'), manifest = path.join(folder, 'manifest.json');
  const bytes = fs.readFileSync(onnx);
  bytes[bytes.length >> 1] ^= 1;
  fs.writeFileSync(onnx, bytes);
  const verified = json(library, 4, 'models', 'verify', 'resnet50-random');
  assert.match(verified[0].detail, /SHA-256/);
  assert.match(mimeme(library, 'check').stdout, /problem: .*SHA-256/);

  const other = JSON.parse(fs.readFileSync(manifest, 'utf8'));
  other.input.scale *= 2;  // other preprocessing, so other vectors
  fs.writeFileSync(manifest, JSON.stringify(other));
  fs.copyFileSync(pick_stamps(13)[12], path.join(pictures, 'new.png'));
  const refused = mimeme(library, 'add', pictures);
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /mimeme models use resnet50-random/);
  assert.equal(json(library, 0, 'models', 'use', 'inception-v3').embedded, 12);
  assert.equal(json(library, 0, 'add', pictures).embedded, 1);
});

test('what is no model is not added', () => {
  const [onnx, flag, manifest] = make_resnet('18'), json_text = fs.readFileSync(manifest, 'utf8');
  const attempt = (change, says) => {
    const file = path.join(root, 'manifest.json');
    fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(json_text), name: 'other', ...change }));
    const { code, stderr } = mimeme(library, 'models', 'add', onnx, flag, file);
    assert.equal(code, 4, stderr);
    assert.match(stderr, says);
  };
  attempt({ sha256: '0'.repeat(64) }, /SHA-256/);
  attempt({ outputs: { embedding: { name: 'features', dim: 77 } } }, /512.*77/);
  attempt({ outputs: { embedding: { name: 'nothing', dim: 512 } } }, /no output.*`nothing`|no `nothing`/);
  attempt({ licence: undefined }, /`licence` is missing/);
  assert.ok(!json(library, 0, 'models', 'list').some(m => m.name === 'other'));
});
