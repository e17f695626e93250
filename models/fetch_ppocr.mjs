// Puts PP-OCRv4's mobile models (Chinese and English) where the engine reads them, rewritten to run
// faster (fold.mjs).
//
//   node models/fetch_ppocr.mjs [--out models/dist/ppocr-v4]
//
// Writes det.onnx, rec.onnx, keys.txt and manifest.json, unless they are there and right.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sha256, writeWhole } from './files.mjs';
import { fold } from './fold.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', 'node_modules', '@gutenye', 'ocr-models');

/** The package's files, pinned, under the names that the manifest gives them. */
const FILES = {
  'det.onnx': ['ch_PP-OCRv4_det_infer.onnx',
    '30a86f5731181461d08021402766601e4302a9b9b9666be8aff402696339cdff'],
  'rec.onnx': ['ch_PP-OCRv4_rec_infer.onnx',
    '06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0'],
  'keys.txt': ['ppocr_keys_v1.txt',
    '28b2362ad4ab2dc38769aa72feb535e3a9ddb3fd2a7585a05920e6393b1dc7f7'],
};

function loadPinned([asset, pin]) {
  const file = join(root, 'assets', asset);
  const bytes = readFileSync(file);
  const found = sha256(bytes);
  if (found !== pin) throw new Error(`${file}: SHA-256 is ${found}, expected ${pin}`);
  return bytes;
}

/** Whether `file` holds exactly `bytes`. */
function holds(file, bytes) {
  try {
    return bytes.equals(readFileSync(file));
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

const { values: { out } } = parseArgs({
  options: { out: { type: 'string', default: join(here, 'dist', 'ppocr-v4') } },
});

const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const contents = Object.fromEntries(Object.entries(FILES).map(([file, pinned]) => {
  const bytes = loadPinned(pinned);
  return [file, file.endsWith('.onnx') ? fold(bytes) : bytes];
}));
const entry = (file) => ({
  file, sha256: sha256(contents[file]), bytes: contents[file].length,
});
const manifest = {
  format: 1,
  name: 'ppocr-v4',
  task: 'ocr',
  licence: license,
  source: `npm ${name} ${version}`,
  // PaddleOCR's own preprocessing: (pixel × scale − mean) / std of each channel, blue first. Sides
  // are multiples of `multiple`; a line of text is brought to `height`.
  detection: {
    ...entry('det.onnx'),
    input: {
      name: 'x', layout: 'NCHW', colour: 'BGR', multiple: 32,
      scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225],
    },
    output: { name: 'sigmoid_0.tmp_0' },
  },
  // One column of probabilities for each 8 pixels across: blank, the keys by line, space.
  recognition: {
    ...entry('rec.onnx'),
    input: {
      name: 'x', layout: 'NCHW', colour: 'BGR', height: 48, multiple: 8,
      scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5],
    },
    output: { name: 'softmax_11.tmp_0' },
  },
  keys: entry('keys.txt'),
};

// The manifest is written last: where one is, the rest is complete.
const files = {
  ...contents,
  'manifest.json': Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`),
};
const missing = Object.entries(files).filter(([file, bytes]) => !holds(join(out, file), bytes));
for (const [file, bytes] of missing) writeWhole(join(out, file), bytes);
console.log(`${out}: ${missing.length ? 'fetched' : 'up to date'}`);
