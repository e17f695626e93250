// Runs the real program, as a user would, for the tests beside this file. The program is named by MIMEME.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import sharp from 'sharp';

export const program = process.env.MIMEME ?? path.resolve('build/release/mimeme');
export const stamps = '/usr/share/tuxpaint/stamps';

// A folder that goes when the test file is done.
export function scratch() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mimeme-test.'));
  after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const psql = '.parts/postgresql/usr/lib/postgresql/15/bin/psql';

// Runs tools/postgres; where that cannot fail, what it printed.
export const try_postgres = (...args) => spawnSync('tools/postgres', args, { encoding: 'utf8' });
export function postgres(...args) {
  const done = try_postgres(...args);
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
}


// Folders for servers that tools/postgres starts; they are stopped, the last first, and taken away when the test file is done.
export function server_folders(...names) {
  const folders = names.map(name => fs.mkdtempSync(path.join(os.tmpdir(), `mimeme-${name}.`)));  // a socket's path is short
  after(() => {
    for (const folder of [...folders].reverse()) {
      try_postgres('stop', folder);
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
  return folders;
}

// What a statement gives, as psql prints it.
export function query(text, address) {
  const done = spawnSync(psql, ['-qAtXc', text, address], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
}

// With MIMEME_TEST_POSTGRESQL (tools/postgres) the catalogs of these tests are there, in a schema for each library.
const schemas = new Map();
function catalog_of(library) {
  const server = process.env.MIMEME_TEST_POSTGRESQL;
  if (!server) return {};
  if (!schemas.has(library)) {
    const name = `library_${process.pid}_${schemas.size}`;
    execFileSync(psql, ['-qXc', `CREATE SCHEMA ${name}`, server]);
    schemas.set(library, `${server}&options=-csearch_path%3D${name},public`);
  }
  return { MIMEME_CATALOG: schemas.get(library) };
}

// HOME and all else that the program writes lies beside the library, so that no test touches what the user has.
export const environment = library => {
  const home = path.dirname(library);
  return { ...process.env, ...catalog_of(library), MIMEME_LIBRARY: library, HOME: home, XDG_DATA_HOME: path.join(home, 'data') };
};

// Runs `mimeme ...args` to its end: { code, stdout, stderr }.
export function mimeme(library, ...args) {
  const done = spawnSync(program, args, { env: environment(library), encoding: 'utf8', maxBuffer: 1 << 28, timeout: 300_000 });
  assert.equal(done.signal, null, `mimeme ${args.join(' ')} died of ${done.signal}\n${done.stderr}`);
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

// The same with --json, its answer parsed. Fails on any other exit status than `code`.
export function json(library, code, ...args) {
  const done = mimeme(library, ...args, '--json');
  assert.equal(done.code, code, `mimeme ${args.join(' ')} → ${done.code}\n${done.stdout}${done.stderr}`);
  return JSON.parse(done.stdout);
}

// Starts `mimeme ...args`; the caller ends it. `ended` resolves to { code, signal, stderr }.
export function start(library, ...args) {
  const child = spawn(program, args, { env: environment(library), stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', data => (stderr += data));
  const ended = new Promise(resolve => child.on('close', (code, signal) => resolve({ code, signal, stderr })));
  return { child, ended };
}

// Polls until `condition()` holds.
export async function until(condition, what, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; !(await condition()); await new Promise(r => setTimeout(r, 5)))
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s`);
}

// `count` stamp files, spread over the folders, in a fixed order.
export function pick_stamps(count) {
  const all = fs.readdirSync(stamps, { recursive: true }).map(String).filter(f => f.endsWith('.png')).sort();
  assert.ok(all.length >= count, `only ${all.length} stamps: is tuxpaint-stamps-default installed?`);
  return Array.from({ length: count }, (_, i) => path.join(stamps, all[Math.floor((i * all.length) / count)]));
}

// Copies files into a folder under names of their own; returns the new paths.
export function copy_into(folder, files) {
  fs.mkdirSync(folder, { recursive: true });
  return files.map((file, i) => {
    const to = path.join(folder, `${String(i).padStart(4, '0')}-${path.basename(file)}`);
    fs.copyFileSync(file, to);
    return to;
  });
}

// How many files there are in a folder and below it; 0 without one.
export function files_below(folder) {
  if (!fs.existsSync(folder)) return 0;
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).length;
}

// A disk of so many bytes at `folder`, as long as the file's tests run. Without root the test is skipped: undefined.
export function small_disk(t, folder, size) {
  fs.mkdirSync(folder);
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'mimeme-test', folder], { encoding: 'utf8' });
  if (mount.status !== 0) return t.skip(`a disk cannot be mounted, which needs root: ${mount.error?.message ?? mount.stderr.trim()}`);
  after(() => spawnSync('umount', [folder]));
  return folder;
}

// A picture with white capitals above and below, outlined in black, as a meme has them.
export async function make_meme(file, stamp, top, bottom) {
  const line = (text, y) => `<text x="320" y="${y}" font-family="Bebas Neue" font-size="64" text-anchor="middle" fill="white" stroke="black" stroke-width="6" paint-order="stroke">${text}</text>`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await sharp(stamp).flatten({ background: '#5a7d9a' }).resize(640, 480, { fit: 'contain', background: '#5a7d9a' })
    .composite([{ input: Buffer.from(`<svg width="640" height="480">${line(top, 70)}${line(bottom, 460)}</svg>`) }]).png().toFile(file);
}

// As mimeme(), without stopping this process meanwhile: for when the program talks to it.
export async function run(library, ...args) {
  const child = spawn(program, args, { env: environment(library), stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) child[stream].on('data', data => (said[stream] += data));
  const [code] = await once(child, 'close');
  return { code, ...said };
}
