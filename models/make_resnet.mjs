// Writes a ResNet-18 or -50 with random weights: the shape of a real backbone without its 100 MB
// download. Tests use it to show that any image model fits, whatever its input size, preprocessing
// and embedding width.
//
//   node models/make_resnet.mjs --depth 18|50 --seed N --out DIR
//
// Layers and parameter names are torchvision's (torchvision/models/resnet.py); so is the
// preprocessing. He et al., "Deep Residual Learning for Image Recognition", 2015.

import { parseArgs } from 'node:util';
import { random_of } from '../tools/random.mjs';
import { publish } from './files.mjs';
import { OnnxGraph } from './onnx.mjs';

const BLOCKS = { 18: [2, 2, 2, 2], 50: [3, 4, 6, 3] };
const EXPANSION = { 18: 1, 50: 4 };
const CLASSES = 1000;
const SIDE = 224;

function makeResnet(depth, seed) {
  const graph = new OnnxGraph(`resnet${depth}`);
  const random = random_of(seed);

  /**
   * He's initialisation for layers followed by ReLU: variance 2 / fan-in keeps the size of
   * activations from layer to layer. Uniform, not normal, because its only inexact step is a square
   * root, which IEEE 754 fixes to the last bit, unlike the logarithm and cosine of a normal
   * distribution.
   */
  function heWeights(name, dims) {
    const fanIn = dims.slice(1).reduce((a, b) => a * b, 1);
    const bound = Math.sqrt(6 / fanIn);
    const values = new Float32Array(dims[0] * fanIn);
    for (let i = 0; i < values.length; i++) values[i] = (2 * random() - 1) * bound;
    return graph.initializer(name, dims, values);
  }

  function constant(name, count, value) {
    return graph.initializer(name, [count], new Float32Array(count).fill(value));
  }

  /** Convolution and batch normalisation, no activation. `gain` multiplies the result. */
  function convBn(input, conv, bn, { from, to, kernel, stride = 1, gain = 1 }) {
    const pad = (kernel - 1) / 2;
    const weights = heWeights(`${conv}.weight`, [to, from, kernel, kernel]);
    const sum = graph.node('Conv', [input, weights], conv, {
      kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad],
    });
    return graph.node('BatchNormalization', [
      sum,
      constant(`${bn}.weight`, to, gain),
      constant(`${bn}.bias`, to, 0),
      constant(`${bn}.running_mean`, to, 0),
      constant(`${bn}.running_var`, to, 1),
    ], bn, { epsilon: 1e-5 });
  }

  const relu = (input) => graph.node('Relu', [input], `${input}.relu`);

  /**
   * One residual block: `path` after the shortcut. The path's last gain is 1/4, so that a block
   * raises the variance by 1/16 and not twofold: sixteen doublings would blow the activations up.
   */
  function block(input, name, { from, width, stride }) {
    const to = width * EXPANSION[depth];
    const path = depth === 18
      ? [
        { from, to: width, kernel: 3, stride },
        { from: width, to, kernel: 3 },
      ]
      : [
        { from, to: width, kernel: 1 },
        { from: width, to: width, kernel: 3, stride },
        { from: width, to, kernel: 1 },
      ];
    const last = path.length - 1;
    let x = input;
    path.forEach((shape, i) => {
      const gain = i === last ? 1 / 4 : 1;
      x = convBn(x, `${name}.conv${i + 1}`, `${name}.bn${i + 1}`, { ...shape, gain });
      if (i !== last) x = relu(x);
    });
    const [conv, bn] = [`${name}.downsample.0`, `${name}.downsample.1`];
    const fits = stride === 1 && from === to;
    const shortcut = fits ? input : convBn(input, conv, bn, { from, to, kernel: 1, stride });
    return relu(graph.node('Add', [x, shortcut], `${name}.add`));
  }

  let x = graph.input('input', ['N', 3, SIDE, SIDE]);
  x = relu(convBn(x, 'conv1', 'bn1', { from: 3, to: 64, kernel: 7, stride: 2 }));
  x = graph.node('MaxPool', [x], 'maxpool', {
    kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1],
  });

  let from = 64;
  BLOCKS[depth].forEach((count, stage) => {
    const width = 64 * 2 ** stage;
    for (let i = 0; i < count; i++) {
      x = block(x, `layer${stage + 1}.${i}`, { from, width, stride: stage > 0 && i === 0 ? 2 : 1 });
      from = width * EXPANSION[depth];
    }
  });

  graph.node('Flatten', [graph.node('GlobalAveragePool', [x], 'avgpool')], 'features', { axis: 1 });
  const fc = [heWeights('fc.weight', [CLASSES, from]), constant('fc.bias', CLASSES, 0)];
  graph.node('Gemm', ['features', ...fc], 'logits', { transB: 1 });
  graph.output('features', ['N', from]);
  graph.output('logits', ['N', CLASSES]);
  return { model: graph.encode(), dim: from };
}

const { values: { depth, seed, out } } = parseArgs({
  options: { depth: { type: 'string' }, seed: { type: 'string' }, out: { type: 'string' } },
});
if (!BLOCKS[depth] || !/^\d+$/.test(seed ?? '') || !out) {
  console.error('usage: make_resnet.mjs --depth 18|50 --seed N --out DIR');
  process.exit(2);
}

const { model, dim } = makeResnet(Number(depth), Number(seed));
publish(out, model, {
  format: 1,
  name: `resnet${depth}-random`,
  task: 'image-embedding',
  file: 'model.onnx',
  licence: 'generated',
  source: `models/make_resnet.mjs --depth ${depth} --seed ${seed}`,
  input: {
    name: 'input', layout: 'NCHW', width: SIDE, height: SIDE, colour: 'RGB',
    fit: 'crop', resize: 256,
    scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225],
  },
  outputs: {
    embedding: { name: 'features', dim },
    logits: { name: 'logits', dim: CLASSES },
  },
});
console.log(`${out}: ResNet-${depth}, seed ${seed}`);
