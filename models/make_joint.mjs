// Writes a joint image–text model of four dimensions that knows colours and nothing else: the shape
// of a CLIP without its weights. Tests use it to show that words find what pictures show.
//
//   node models/make_joint.mjs --out DIR
//
// DIR/colours embeds pictures: the mean of each channel less a half, and a constant that no text
// has, as real pairs of towers keep their pictures and their texts apart. DIR/colour-words embeds
// texts: each word of a small table is the corner of the colour cube that it names.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { publish, sha256 } from './files.mjs';
import { OnnxGraph } from './onnx.mjs';

const SIDE = 8;
const DIM = 4;
const FLOAT = 1;  // ONNX's number for float32, the target of a Cast
const WORDS = {
  red: [1, 0, 0], green: [0, 1, 0], blue: [0, 0, 1], yellow: [1, 1, 0], dark: [0, 0, 0], bright: [1, 1, 1],
};
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];

function imageTower() {
  const graph = new OnnxGraph('colours');
  const pixels = graph.input('pixels', ['N', 3, SIDE, SIDE]);
  const mean = graph.node('Flatten', [graph.node('GlobalAveragePool', [pixels], 'pool')], 'mean', { axis: 1 });
  const weights = Float32Array.from({ length: 3 * DIM }, (_, i) => Number(i % DIM === Math.floor(i / DIM)));
  graph.node('Gemm', [
    mean,
    graph.initializer('weights', [3, DIM], weights),
    graph.initializer('bias', [DIM], Float32Array.of(-0.5, -0.5, -0.5, 0.5)),
  ], 'image_embeds');
  graph.output('image_embeds', ['N', DIM]);
  return graph.encode();
}

/** Words that it does not know are zeros, as is a text of nothing else. */
function textTower() {
  const graph = new OnnxGraph('colour-words');
  const ids = graph.input('ids', ['N', 'T'], 'INT64');
  const mask = graph.input('mask', ['N', 'T'], 'INT64');
  const rows = [...SPECIAL.map(() => new Array(DIM).fill(0)),
    ...Object.values(WORDS).map((rgb) => [...rgb.map((v) => v - 0.5), 0])];
  const table = graph.initializer('table', [rows.length, DIM], Float32Array.from(rows.flat()));
  const axis = (name, value) => graph.initializer(name, [1], BigInt64Array.of(value));
  const told = graph.node('Unsqueeze', [graph.node('Cast', [mask], 'real', { to: FLOAT }), axis('last', 2n)], 'told');
  const words = graph.node('Mul', [graph.node('Gather', [table, ids], 'rows'), told], 'words');
  const sum = graph.node('ReduceSum', [words, axis('tokens', 1n)], 'sum', { keepdims: 0 });
  const length = graph.node('ReduceL2', [sum], 'length', { axes: [1] });
  const least = graph.initializer('least', [1], Float32Array.of(1e-6));
  graph.node('Div', [sum, graph.node('Max', [length, least], 'divisor')], 'text_embeds');
  graph.output('text_embeds', ['N', DIM]);
  return graph.encode();
}

const { values: { out } } = parseArgs({ options: { out: { type: 'string' } } });
if (!out) {
  console.error('usage: make_joint.mjs --out DIR');
  process.exit(2);
}

const common = { format: 1, file: 'model.onnx', licence: 'generated', source: 'models/make_joint.mjs' };
const vocabulary = [...SPECIAL, ...Object.keys(WORDS), ''].join('\n');
publish(join(out, 'colours'), imageTower(), {
  ...common,
  name: 'colours',
  task: 'image-embedding',
  input: {
    name: 'pixels', layout: 'NCHW', width: SIDE, height: SIDE, colour: 'RGB',
    fit: 'stretch', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1],
  },
  outputs: { embedding: { name: 'image_embeds', dim: DIM } },
});
publish(join(out, 'colour-words'), textTower(), {
  ...common,
  name: 'colour-words',
  task: 'text-embedding',
  joint_with: 'colours',
  min_similarity: 0.6,
  input: {
    tokenizer: 'wordpiece-uncased', ids: 'ids', mask: 'mask',
    vocabulary: 'vocab.txt', vocabulary_sha256: sha256(vocabulary), max_tokens: 32,
  },
  outputs: { embedding: { name: 'text_embeds', dim: DIM } },
}, { 'vocab.txt': vocabulary });
console.log(`${out}: colours, colour-words`);
