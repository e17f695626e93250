// Converts the pinned uint8 TensorFlow Lite Inception V3 into an ONNX model that computes with bytes,
// or, to compare with, in floats.
//
//   node models/convert_inception_v3.mjs [--out models/dist/inception-v3] [--float]
//
// Writes model.onnx, labels.txt and manifest.json, unless they are there and up to date.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isPublished, publish, sha256 } from './files.mjs';
import { SIDE, TENSORS, loadInceptionV3 } from './inception_v3.mjs';
import { OnnxGraph } from './onnx.mjs';
import { parseTflite } from './tflite.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
/** What decides the output, besides the weights: a change in any of these converts anew. */
const SOURCES = [
  'convert_inception_v3.mjs', 'files.mjs', 'inception_v3.mjs', 'onnx.mjs', 'tflite.mjs',
];

/** A quantised byte q stands for the number (q - zeroPoint) * scale. */
function quantisation(tensor) {
  const { scale, zeroPoint, name } = tensor;
  if (scale.length !== 1 || zeroPoint.length !== 1) {
    throw new Error(`${name}: not quantised per tensor`);
  }
  return { scale: scale[0], zeroPoint: zeroPoint[0] };
}

/** The least and the greatest number that the tensor's bytes can hold. */
function realRange({ scale, zeroPoint }) {
  return [(0 - zeroPoint) * scale, (255 - zeroPoint) * scale];
}

/**
 * Weights, from TFLite's order (out, height, width, in) to ONNX's (out, in, height, width), and of
 * -64 … 64, with a scale for each output. Two products with bytes then fit into 16 bits together:
 * that is where processors with AVX2 but no VNNI add them, cutting off what is too large. An
 * output that uses no more than half of the 8 bits that TFLite's one scale gives to all loses nothing.
 */
function readWeights({ shape: [out, height, width, input], data, ...tensor }) {
  const { scale, zeroPoint } = quantisation(tensor);
  const area = height * width;
  const values = new Int8Array(data.length);
  const scales = new Float32Array(out);
  for (let o = 0; o < out; o++) {
    const own = data.subarray(o * area * input, (o + 1) * area * input);
    const greatest = own.reduce((most, q) => Math.max(most, Math.abs(q - zeroPoint)), 0);
    const step = Math.max(1, greatest / 64);
    scales[o] = scale * step;
    let from = 0;
    for (let p = 0; p < area; p++) {
      for (let i = 0; i < input; i++) {
        values[(o * input + i) * area + p] = Math.round((own[from++] - zeroPoint) / step);
      }
    }
  }
  return { dims: [out, input, height, width], values, scales };
}

/** Biases are int32 on the scale of the accumulator, that is, of input × weights. */
function readBias({ shape, data, ...tensor }, inputScale, weights, weightScales) {
  const { scale } = quantisation(tensor);
  const expected = inputScale * quantisation(weights).scale;
  if (Math.abs(scale / expected - 1) > 1e-5) {
    throw new Error(`${tensor.name}: scale ${scale}, input × weights ${expected}`);
  }
  const scales = weightScales.map((s) => s * inputScale);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const value = (_, i) => Math.round(view.getInt32(4 * i, true) * scale / scales[i]);
  return { dims: shape, values: Int32Array.from({ length: shape[0] }, value), scales };
}

/** What integers stand for: values.length / scales.length of them have one scale. */
function toFloats({ values, scales }) {
  const each = values.length / scales.length;
  return Float32Array.from(values, (q, i) => q * scales[Math.floor(i / each)]);
}

/** TFLite's padding as ONNX's [top, left, bottom, right]. If SAME is uneven, the end gets more. */
function explicitPads({ padding, stride }, kernel, inputSize) {
  if (padding === 'VALID') return [0, 0, 0, 0];
  const total = [0, 1].map((axis) => {
    const outputSize = Math.ceil(inputSize[axis] / stride[axis]);
    return Math.max((outputSize - 1) * stride[axis] + kernel[axis] - inputSize[axis], 0);
  });
  const before = total.map((t) => Math.floor(t / 2));
  return [...before, total[0] - before[0], total[1] - before[1]];
}

/**
 * The network up to its features. Between two operators, numbers pass through the bytes that TFLite
 * keeps them in: from such a graph ONNX Runtime makes operators that compute with the bytes. With
 * `asFloats` they are only clipped to what bytes can hold, and everything is computed in floats.
 */
function convert(model, asFloats) {
  const { tensors, operators } = model;
  const graph = new OnnxGraph('inception-v3');
  const scalars = new Map();
  const scalar = (type, value) => {
    const key = `${type.name} ${value}`;
    if (!scalars.has(key)) {
      scalars.set(key, graph.initializer(`constant_${scalars.size}`, [], type.of(value)));
    }
    return scalars.get(key);
  };

  const quantise = (opType, from, name, { scale, zeroPoint }) => graph.node(
    opType, [from, scalar(Float32Array, scale), scalar(Uint8Array, zeroPoint)], name);

  /** The name of what constants stand for; each output has its own scale, and 0 is 0. */
  function constant(name, { dims, values, scales }) {
    if (asFloats) return graph.initializer(name, dims, toFloats({ values, scales }));
    return graph.node('DequantizeLinear', [
      graph.initializer(`${name}/integers`, dims, values),
      graph.initializer(`${name}/scales`, [scales.length], scales),
      graph.initializer(`${name}/zero`, [scales.length], new values.constructor(scales.length)),
    ], name, { axis: 0 });
  }

  /** What an operator gave, in bytes of `range`. */
  function settle(from, name, range) {
    if (asFloats) {
      const bounds = realRange(range).map((bound) => scalar(Float32Array, bound));
      return graph.node('Clip', [from, ...bounds], name);
    }
    const bytes = quantise('QuantizeLinear', from, `${name}/bytes`, range);
    return quantise('DequantizeLinear', bytes, name, range);
  }

  // The input's bytes are the pixels, red, green and blue together as decoders give them.
  const pixels = tensors[model.inputs[0]];
  graph.input('input', ['N', SIDE, SIDE, 3], 'UINT8');
  const planes = graph.node('Transpose', ['input'], 'planes', { perm: [0, 3, 1, 2] });
  /** ONNX name of each TFLite tensor written so far. */
  const names = new Map([[pixels.index,
    quantise('DequantizeLinear', planes, 'pixels', quantisation(pixels))]]);
  /** The means that are taken after the convolution that follows them, by their output. */
  const postponed = new Map();

  const emit = {
    // Every layer of this file says "no activation", yet all had a ReLU when it was trained: it
    // survives only as the range of the output's bytes, to which settle() brings the sum. Without
    // that, every picture is class 0.
    CONV_2D({ inputs, options }, output, name) {
      const [input, weights, bias] = inputs.map((i) => tensors[i]);
      const range = quantisation(output);
      const mean = postponed.get(input.index);
      const w = readWeights(weights);
      const b = readBias(bias, quantisation(input).scale, weights, w.scales);
      const kernel = w.dims.slice(2);
      const sum = graph.node('Conv', [
        names.get(mean ? mean.inputs[0] : input.index),
        constant(`${name}/weights`, w),
        constant(`${name}/bias`, b),
      ], `${name}/sum`, {
        kernel_shape: kernel,
        strides: options.stride,
        dilations: options.dilation,
        pads: explicitPads(options, kernel, input.shape.slice(1, 3)),
      });
      if (!mean) return settle(sum, name, range);
      // A mean and a convolution of 1 × 1 may change places, and after it there are a quarter of
      // the channels or fewer. Its sums reach further than their means, and below 0: on 60 pictures
      // all but one in 1,000 lay within twice the range either way. So they are kept four times
      // as coarsely, and the mean of nine makes three times as fine again.
      const wide = settle(sum, `${name}/wide`, { scale: 4 * range.scale, zeroPoint: 128 });
      return settle(average(mean, wide, `${name}/mean`), name, range);
    },
    AVERAGE_POOL_2D(operator, output, name) {
      // The last means are the features: as floats, which are finer than TFLite's 8 bits.
      if (name === TENSORS.features) return average(operator, names.get(operator.inputs[0]), name);
      postponed.set(output.index, operator);
      return undefined;
    },
    MAX_POOL_2D(operator, output, name) {
      const greatest = pool('MaxPool', operator, names.get(operator.inputs[0]), `${name}/greatest`);
      return settle(greatest, name, quantisation(output));
    },
    CONCATENATION({ inputs, options }, output, name) {
      if (options.axis !== 3) throw new Error(`${name}: joined along axis ${options.axis}`);
      const all = graph.node('Concat', inputs.map((i) => names.get(i)), `${name}/all`, { axis: 1 });
      return settle(all, name, quantisation(output));
    },
  };

  function pool(opType, { inputs: [input], options }, from, name, extra = {}) {
    return graph.node(opType, [from], name, {
      kernel_shape: options.filter,
      strides: options.stride,
      pads: explicitPads(options, options.filter, tensors[input].shape.slice(1, 3)),
      ...extra,
    });
  }

  /** count_include_pad is 0: TFLite divides by the number of real pixels under the window. */
  function average(operator, from, name) {
    return pool('AveragePool', operator, from, name, { count_include_pad: 0 });
  }

  for (const operator of operators) {
    const output = tensors[operator.outputs[0]];
    const { activation = 'NONE' } = operator.options;
    if (!emit[operator.name] || activation !== 'NONE') {
      throw new Error(`${output.name}: cannot convert ${operator.name}, activation ${activation}`);
    }
    names.set(output.index, emit[operator.name](operator, output, output.name));
    if (output.name === TENSORS.features) break;  // what follows is the classifier
  }

  graph.node('Flatten', [TENSORS.features], 'features', { axis: 1 });
  graph.output('features', ['N', 2048]);
  return graph.encode();
}

/**
 * The last layer by itself, features → logits: what a picture shows can then be told from the
 * embedding that is kept, without looking at the picture again.
 */
function convertClassifier({ tensors, operators }) {
  const { inputs } = operators.find((o) => tensors[o.inputs[0]].name === TENSORS.features);
  const [input, weights, bias] = inputs.map((i) => tensors[i]);
  const w = readWeights(weights);
  const b = readBias(bias, quantisation(input).scale, weights, w.scales);
  const graph = new OnnxGraph('inception-v3-classifier');
  graph.input('features', ['N', 2048]);
  graph.node('Gemm', [
    'features',
    graph.initializer('weights', w.dims.slice(0, 2), toFloats(w)),
    graph.initializer('bias', b.dims, toFloats(b)),
  ], 'sum', { transB: 1 });
  graph.node('Softmax', ['sum'], 'probabilities', { axis: 1 });
  graph.output('probabilities', ['N', 1001]);
  return graph.encode();
}

const { values: { out, float } } = parseArgs({
  options: {
    out: { type: 'string', default: join(here, 'dist', 'inception-v3') },
    float: { type: 'boolean', default: false },
  },
});

const { file, weights, labels, source } = loadInceptionV3();
const converter = sha256(
  weights, float ? 'floats' : 'integers', ...SOURCES.map((name) => readFileSync(join(here, name))));
const texts = { 'labels.txt': `${labels.join('\n')}\n` };

if (isPublished(out, converter, texts)) {
  console.log(`${out}: up to date`);
} else {
  const model = parseTflite(weights, file);
  const classifier = convertClassifier(model);
  publish(out, convert(model, float), {
    format: 1,
    name: 'inception-v3',
    task: 'image-embedding',
    file: 'model.onnx',
    licence: 'MIT',
    source,
    converter,
    input: {
      name: 'input', layout: 'NHWC', width: SIDE, height: SIDE, colour: 'RGB', fit: 'stretch',
    },
    outputs: { embedding: { name: 'features', dim: 2048 } },
    classifier: {
      file: 'classifier.onnx', sha256: sha256(classifier), bytes: classifier.length,
      input: 'features', output: 'probabilities', labels: 'labels.txt',
    },
  }, { ...texts, 'classifier.onnx': classifier });
  console.log(`${out}: converted`);
}
