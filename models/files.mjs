// What every script here does with files: hash them, replace them whole, and publish a finished
// model.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Hex SHA-256 of the parts, one after the other. */
export function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Writes beside the target and renames: a reader, or a run cut short, never sees half a file. */
export function writeWhole(file, data) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, data);
  renameSync(temporary, file);
}

/**
 * Whether `dir` already holds what `converter` (a hash of sources and weights) would write there.
 * `files` are the exact contents expected beside the model.
 */
export function isPublished(dir, converter, files = {}) {
  try {
    const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
    const graphs = [manifest, ...(manifest.classifier ? [manifest.classifier] : [])];
    return manifest.converter === converter &&
      graphs.every((graph) => sha256(readFileSync(join(dir, graph.file))) === graph.sha256) &&
      Object.entries(files).every(([name, text]) => readFileSync(join(dir, name), 'utf8') === text);
  } catch (error) {
    // Missing or unreadable means "not published"; anything else is a fault of ours and must be
    // seen.
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return false;
    throw error;
  }
}

/**
 * Writes the model, then `files` (texts or bytes by name), and the manifest last: where a manifest
 * is, the rest is complete.
 */
export function publish(dir, model, manifest, files = {}) {
  const { format, name, task, file, ...rest } = manifest;
  writeWhole(join(dir, file), model);
  for (const [name, text] of Object.entries(files)) writeWhole(join(dir, name), text);
  const full = { format, name, task, file, sha256: sha256(model), bytes: model.length, ...rest };
  writeWhole(join(dir, 'manifest.json'), `${JSON.stringify(full, null, 2)}\n`);
}
