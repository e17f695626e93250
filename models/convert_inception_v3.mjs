// Converts the pinned uint8 TensorFlow Lite Inception V3 into a float32 ONNX model.
//
//   node models/convert_inception_v3.mjs [--out models/dist/inception-v3]
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
function realRange(tensor) {
  const { scale, zeroPoint } = quantisation(tensor);
  return [(0 - zeroPoint) * scale, (255 - zeroPoint) * scale];
}

/** Weights as floats, from TFLite's order (out, height, width, in) to ONNX's (out, in, …). */
function dequantiseWeights({ shape: [out, height, width, input], data, ...tensor }) {
  const { scale, zeroPoint } = quantisation(tensor);
  const area = height * width;
  const values = new Float32Array(data.length);
  let from = 0;
  for (let o = 0; o < out; o++) {
    for (let p = 0; p < area; p++) {
      for (let i = 0; i < input; i++) {
        values[(o * input + i) * area + p] = (data[from++] - zeroPoint) * scale;
      }
    }
  }
  return { dims: [out, input, height, width], values };
}

/** Biases are int32 on the scale of the accumulator, that is, of input × weights. */
function dequantiseBias({ shape, data, ...tensor }, accumulatorScale) {
  const { scale } = quantisation(tensor);
  if (Math.abs(scale / accumulatorScale - 1) > 1e-5) {
    throw new Error(`${tensor.name}: scale ${scale}, input × weights ${accumulatorScale}`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const value = (_, i) => view.getInt32(4 * i, true) * scale;
  return { dims: shape, values: Float32Array.from({ length: shape[0] }, value) };
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

function convert(model) {
  const { tensors, operators } = model;
  const graph = new OnnxGraph('inception-v3');
  const scalars = new Map();
  const scalar = (value) => {
    if (!scalars.has(value)) {
      const name = `constant_${scalars.size}`;
      scalars.set(value, graph.initializer(name, [], Float32Array.of(value)));
    }
    return scalars.get(value);
  };

  /** ONNX name of each TFLite tensor written so far. */
  const names = new Map([[model.inputs[0], graph.input('input', ['N', 3, SIDE, SIDE])]]);

  const emit = {
    // Every layer of this file says "no activation", yet all but the last had a ReLU when it was
    // trained: it survives only as the range of the output's bytes. So the range is clipped here;
    // without that, every picture is class 0. ONNX Runtime fuses Clip into Conv, so this costs
    // nothing.
    CONV_2D({ inputs, options }, output, name) {
      const [input, weights, bias] = inputs.map((i) => tensors[i]);
      const accumulatorScale = quantisation(input).scale * quantisation(weights).scale;
      const w = dequantiseWeights(weights);
      const b = dequantiseBias(bias, accumulatorScale);
      const kernel = w.dims.slice(2);
      const sum = graph.node('Conv', [
        names.get(input.index),
        graph.initializer(`${name}/weights`, w.dims, w.values),
        graph.initializer(`${name}/bias`, b.dims, b.values),
      ], `${name}/sum`, {
        kernel_shape: kernel,
        strides: options.stride,
        dilations: options.dilation,
        pads: explicitPads(options, kernel, input.shape.slice(1, 3)),
      });
      return graph.node('Clip', [sum, ...realRange(output).map(scalar)], name);
    },
    // count_include_pad is 0: TFLite divides by the number of real pixels under the window.
    AVERAGE_POOL_2D(operator, output, name) {
      return pool('AveragePool', operator, name, { count_include_pad: 0 });
    },
    MAX_POOL_2D(operator, output, name) {
      return pool('MaxPool', operator, name);
    },
    // TFLite brings the inputs to one scale here. Floats have none, and in this file the output's
    // range is always the widest of the inputs', so there is nothing to clip either.
    CONCATENATION({ inputs, options }, output, name) {
      if (options.axis !== 3) throw new Error(`${output.name}: joined along axis ${options.axis}`);
      return graph.node('Concat', inputs.map((i) => names.get(i)), name, { axis: 1 });
    },
    // The one reshape is [N, 1, 1, C] to [N, C]. Flatten says it without fixing N.
    RESHAPE({ inputs }, output, name) {
      return graph.node('Flatten', [names.get(inputs[0])], name, { axis: 1 });
    },
  };

  function pool(opType, { inputs: [input], options }, name, extra = {}) {
    return graph.node(opType, [names.get(input)], name, {
      kernel_shape: options.filter,
      strides: options.stride,
      pads: explicitPads(options, options.filter, tensors[input].shape.slice(1, 3)),
      ...extra,
    });
  }

  const outputNames = { [TENSORS.grid]: 'mixed_6e', [TENSORS.logits]: 'logits' };
  for (const operator of operators) {
    const output = tensors[operator.outputs[0]];
    const { activation = 'NONE' } = operator.options;
    if (!emit[operator.name] || activation !== 'NONE') {
      throw new Error(`${output.name}: cannot convert ${operator.name}, activation ${activation}`);
    }
    const name = outputNames[output.name] ?? output.name;
    names.set(output.index, emit[operator.name](operator, output, name));
  }

  graph.node('Flatten', [TENSORS.features], 'features', { axis: 1 });
  graph.output('features', ['N', 2048]);
  graph.output('logits', ['N', 1001]);
  graph.output('mixed_6e', ['N', 768, 17, 17]);
  return graph.encode();
}

/**
 * The last layer by itself, features → logits: what a picture shows can then be told from the
 * embedding that is kept, without looking at the picture again.
 */
function convertClassifier({ tensors, operators }) {
  const { inputs } = operators.find((o) => tensors[o.inputs[0]].name === TENSORS.features);
  const [input, weights, bias] = inputs.map((i) => tensors[i]);
  const w = dequantiseWeights(weights);
  const b = dequantiseBias(bias, quantisation(input).scale * quantisation(weights).scale);
  const graph = new OnnxGraph('inception-v3-classifier');
  graph.input('features', ['N', 2048]);
  graph.node('Gemm', [
    'features',
    graph.initializer('weights', w.dims.slice(0, 2), w.values),
    graph.initializer('bias', b.dims, b.values),
  ], 'sum', { transB: 1 });
  graph.node('Softmax', ['sum'], 'probabilities', { axis: 1 });
  graph.output('probabilities', ['N', 1001]);
  return graph.encode();
}

const { values: { out } } = parseArgs({
  options: { out: { type: 'string', default: join(here, 'dist', 'inception-v3') } },
});

const { file, weights, labels, source } = loadInceptionV3();
const converter = sha256(weights, ...SOURCES.map((name) => readFileSync(join(here, name))));
const texts = { 'labels.txt': `${labels.join('\n')}\n` };

if (isPublished(out, converter, texts)) {
  console.log(`${out}: up to date`);
} else {
  const model = parseTflite(weights, file);
  const classifier = convertClassifier(model);
  publish(out, convert(model), {
    format: 1,
    name: 'inception-v3',
    task: 'image-embedding',
    file: 'model.onnx',
    licence: 'MIT',
    source,
    converter,
    input: {
      name: 'input', layout: 'NCHW', width: SIDE, height: SIDE, colour: 'RGB', fit: 'stretch',
      // (pixel - 128) / 128, as the file's own input quantisation says.
      scale: 1 / 128, mean: [1, 1, 1], std: [1, 1, 1],
    },
    outputs: {
      embedding: { name: 'features', dim: 2048 },
      logits: { name: 'logits', dim: 1001, labels: 'labels.txt' },
      grid: { name: 'mixed_6e', dim: [768, 17, 17] },
    },
    classifier: {
      file: 'classifier.onnx', sha256: sha256(classifier), bytes: classifier.length,
      input: 'features', output: 'probabilities', labels: 'labels.txt',
    },
  }, { ...texts, 'classifier.onnx': classifier });
  console.log(`${out}: converted`);
}
