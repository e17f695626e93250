// Runs the pinned Inception V3 on pictures with Google's own TensorFlow Lite runtime, as a second
// opinion on our conversion: nothing of convert_inception_v3.mjs or ONNX takes part.
//
//   node models/reference_inception_v3.mjs --images FILE... --out DIR
//
// For each picture writes DIR/<basename>.rgb (299 × 299 × 3 bytes, exactly what was fed) and
// DIR/<basename>.json { image, input, top1, label, features }.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { writeWhole } from './files.mjs';
import { SIDE, TENSORS, loadInceptionV3 } from './inception_v3.mjs';
import { parseTflite, redeclare } from './tflite.mjs';

/** The WebAssembly build for browsers. Given its binary, its loader asks nothing of a browser. */
async function loadRuntime() {
  const require = createRequire(import.meta.url);
  const loader = require.resolve('@tensorflow/tfjs-tflite/wasm/tflite_web_api_cc_simd.js');
  const wasmBinary = readFileSync(loader.replace(/\.js$/, '.wasm'));
  return require(loader)({ wasmBinary, printErr: () => {} });
}

/**
 * The model, showing the tensors in `outputs`, and such that the runtime uses its own kernels.
 *
 * Left alone, it would hand the graph to its XNNPACK delegate, which joins tensors of different
 * scales without rescaling them: from the first Concat on, everything is wrong. It hands over
 * nothing if some shape is not known beforehand, so the shape of the final reshape becomes an
 * input.
 */
function withoutDelegate(weights, model, outputs) {
  const reshape = model.operators.find((o) => o.name === 'RESHAPE');
  return redeclare(weights, {
    inputs: [...model.inputs, reshape.inputs[1]],
    outputs: outputs.map((tensor) => tensor.index),
  });
}

/** Returns run(...inputs) → one Uint8Array per output of the model. */
function prepare(runtime, model) {
  const address = runtime._malloc(model.length);
  runtime.HEAPU8.set(model, address);
  const created = runtime.TFLiteWebModelRunner.CreateFromBufferAndOptions(
    address, model.length, { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 0 });
  if (!created.ok()) throw new Error(`TensorFlow Lite: ${created.errorMessage()}`);
  const runner = created.value();
  // data() is a window on the runtime's memory: asked for each time, because that memory may move
  // when it grows, and copied out, because the next run changes it.
  return (...inputs) => {
    inputs.forEach((values, i) => runner.GetInputs().get(i).data().set(values));
    if (!runner.Infer()) throw new Error('TensorFlow Lite: inference failed');
    const outputs = runner.GetOutputs();
    return Array.from({ length: outputs.size() }, (_, i) => outputs.get(i).data().slice());
  };
}

function readPixels(image) {
  return sharp(image)
    .rotate()
    .flatten({ background: { r: 128, g: 128, b: 128 } })
    .resize(SIDE, SIDE, { fit: 'fill' })
    .toColourspace('srgb')
    .raw()
    .toBuffer();
}

const { values: { images, out }, positionals } = parseArgs({
  options: { images: { type: 'string', multiple: true }, out: { type: 'string' } },
  allowPositionals: true,
});
if (!images || !out) {
  console.error('usage: reference_inception_v3.mjs --images FILE... --out DIR');
  process.exit(2);
}
// parseArgs takes one value an option: the second and later files come as positionals.
const named = [...images, ...positionals].map((image) => [basename(image, extname(image)), image]);
if (new Map(named).size !== named.length) throw new Error('two images have the same file name');

const { file, weights, labels } = loadInceptionV3();
const model = parseTflite(weights, file);
const tensor = (name) => model.tensors.find((t) => t.name === name);
const [features, logits] = [tensor(TENSORS.features), tensor(TENSORS.logits)];
const run = prepare(await loadRuntime(), withoutDelegate(weights, model, [features, logits]));

for (const [name, image] of named) {
  const pixels = await readPixels(image);
  const [featureBytes, logitBytes] = run(pixels, logits.shape);
  const top1 = logitBytes.indexOf(Math.max(...logitBytes));
  writeWhole(join(out, `${name}.rgb`), pixels);
  writeWhole(join(out, `${name}.json`), `${JSON.stringify({
    image,
    input: `${name}.rgb`,
    top1,
    label: labels[top1],
    features: Array.from(featureBytes, (q) => (q - features.zeroPoint[0]) * features.scale[0]),
  })}\n`);
  console.log(`${image}: ${labels[top1]}`);
}
