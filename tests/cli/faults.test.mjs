// Power cuts, kills, and a disk that fails, at random places: nothing that was acknowledged is lost, and everything goes
// on afterwards. MIMEME_FAULTS: how many of each; MIMEME_SEED: where (told in the names of the tests).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { random_of } from '../../tools/random.mjs';
import { started } from '../http/server.mjs';
import { copy_into, environment, json, mimeme, pick_stamps, program, scratch } from './mimeme.mjs';
import { after_power_cut, changes, put_back } from './power.mjs';

const disk = process.env.FAULTY_DISK ?? 'build/release/tests/libfaulty_disk.so';
const count = Number(process.env.MIMEME_FAULTS ?? 4), seed = Number(process.env.MIMEME_SEED ?? 7);

const root = scratch(), library = path.join(root, 'library'), log_file = path.join(root, 'log');
const pictures = path.join(root, 'pictures'), stamps = pick_stamps(60);
copy_into(pictures, stamps.slice(0, 6));
const faulty = settings => ['env', `LD_PRELOAD=${path.resolve(disk)}`, `DISK_ROOT=${library}`,
  ...Object.entries(settings).map(([name, value]) => `${name}=${value}`), program];
const logged = () => fs.statSync(log_file).size;

// What the user's words and pictures are, by their bytes: comparable.
function told() {
  const folder = path.join(root, 'export');
  fs.rmSync(folder, { recursive: true, force: true });
  json(library, 0, 'export', folder);
  const lines = fs.readFileSync(path.join(folder, 'images.jsonl'), 'utf8').split('\n').filter(Boolean).map(line => JSON.parse(line));
  return Object.fromEntries(lines.map(({ sha256, description = '', category = '' }) => [sha256, `${description}|${category}`]).sort());
}

test(`after a power cut all is there that was answered (seed ${seed})`, async () => {
  const [env, ...command] = faulty({ DISK_LOG: log_file });
  const server = await started(library, env, [...command, 'serve', '--port', '0', '--json', '--library', library]);
  const acknowledged = [];  // [bytes of the log when the answer had come, what must be there]
  const state = {}, numbers = [];
  const ask = async (method, target, body) => {
    const response = await fetch(server.address + target, { method, body });
    assert.ok(response.ok, `${method} ${target}: ${response.status}`);
    return response.status === 204 ? undefined : response.json();
  };
  const answered = () => acknowledged.push([logged(), structuredClone(state)]);
  answered();
  for (let n = 0; n < 8; ++n) {
    const form = new FormData();
    const bytes = await sharp(stamps[10 + n]).flatten({ background: 'teal' }).resize(200, 150, { fit: 'fill' }).png().toBuffer();
    form.append('file', new Blob([bytes]), `${n}.png`);
    const { id, sha256 } = (await ask('POST', '/api/v1/images', form)).files[0].image;
    state[sha256] = '|';
    numbers.push([id, sha256]);
    answered();
    const [other, hash] = numbers[Math.floor(n / 2)];
    if (n % 3 === 0) {
      await ask('PATCH', `/api/v1/images/${other}`, JSON.stringify({ description: `said ${n}` }));
      state[hash] = `said ${n}|${state[hash].split('|')[1]}`;
    } else if (n % 3 === 1) {
      await ask('PATCH', `/api/v1/images/${other}`, JSON.stringify({ category: `family ${n}` }));
      state[hash] = `${state[hash].split('|')[0]}|family ${n}`;
    } else {
      await ask('DELETE', `/api/v1/images/${id}`);
      delete state[sha256];
      numbers.pop();
    }
    answered();
  }
  await server.end('SIGKILL');

  const log = fs.readFileSync(log_file), random = random_of(seed);
  // In the very moments of the answers, with nothing kept that was not synced; and anywhere, with some of it.
  const cuts = acknowledged.slice(1).map(([at]) => [at, () => false]);
  const ends = [0];
  for (const { file, to, data } of changes(log)) ends.push(ends.at(-1) + 24 + Buffer.byteLength(file) + Buffer.byteLength(to) + data.length);
  const first = ends.filter(end => end >= acknowledged[0][0]);
  for (let i = 0; i < count; ++i) {
    const share = random();
    cuts.push([first[Math.floor(random() * first.length)], () => random() < share]);
  }
  for (const [at, keeps] of cuts) {
    put_back(after_power_cut(log, at, keeps), library);
    const found = told(), next = acknowledged.findIndex(([end]) => end > at);
    const before = acknowledged.at(next < 0 ? -1 : next - 1)[1], after = next < 0 ? before : acknowledged[next][1];
    const what = `cut at ${at} of ${log.length}, after answer ${next < 0 ? acknowledged.length : next}`;
    try {
      assert.deepEqual(found, before, what);
    } catch (error) {
      if (after === before) throw error;
      assert.deepEqual(found, after, what);  // what was asked and not yet answered may be there or not
    }
    // Originals too, byte for byte.
    const checked = mimeme(library, 'check', '--originals', '--json');
    assert.ok([0, 3].includes(checked.code), `${what}: ${checked.stdout}${checked.stderr}`);
    assert.doesNotMatch(checked.stdout, /uploads/, what);
  }
});

// `add` of six pictures, on a disk of which the n-th change meets `fault`. Returns how the program ended.
function add_with(fault, n) {
  fs.rmSync(library, { recursive: true, force: true });
  const [env, ...command] = faulty({ DISK_FAIL_AT: n, DISK_FAIL_WITH: fault });
  return spawnSync(env, [...command, 'add', '--quiet', ...(n % 2 ? ['--no-words'] : []), pictures], { env: environment(library), encoding: 'utf8' });
}

function goes_on(what) {
  if (fs.existsSync(path.join(library, 'catalog.duckdb'))) {
    const checked = mimeme(library, 'check', '--json');
    assert.ok([0, 3].includes(checked.code), `${what}: ${checked.stdout}${checked.stderr}`);
  }
  const again = mimeme(library, 'add', '--retry-failed', pictures);
  assert.equal(again.code, 0, `${what}: ${again.stderr}`);
  assert.equal(json(library, 0, 'check').clean, true, what);
  const { images, read, failed_files } = json(library, 0, 'status');
  assert.deepEqual([images, read, failed_files], [6, 6, 0], what);
}

// How many changes a whole `add` makes.
function changes_of_add() {
  fs.rmSync(log_file, { force: true });
  const [env, ...command] = faulty({ DISK_LOG: log_file });
  fs.rmSync(library, { recursive: true, force: true });
  const whole = spawnSync(env, [...command, 'add', '--quiet', pictures], { env: environment(library), encoding: 'utf8' });
  assert.equal(whole.status, 0, whole.stderr);
  return [...changes(fs.readFileSync(log_file))].length;
}

for (const fault of ['kill', 'EIO', 'ENOSPC']) {
  test(`${fault} at any change of an ingest (seed ${seed})`, () => {
    const random = random_of(seed + fault.length), all = changes_of_add();
    // Two of the first, by which an empty catalog is made, and as many anywhere as there shall be.
    const early = [2 + Math.floor(random() * 8), 10 + Math.floor(random() * 8)];
    for (let i = 0; i < early.length + count; ++i) {
      const n = early[i] ?? 1 + Math.floor(random() * all), what = `${fault} at change ${n} of ${all}`, ended = add_with(fault, n);
      if (fault === 'kill') {
        assert.ok(ended.signal === 'SIGKILL' || ended.status === 0, `${what}: ${ended.status} ${ended.stderr}`);
      } else {
        assert.equal(ended.signal, null, `${what}: ${ended.signal}`);
        assert.ok([0, 3, 4].includes(ended.status), `${what}: ${ended.status} ${ended.stderr}`);
        // Some of what is derived or cached can do without the disk.
        if (ended.status !== 0) assert.match(ended.stderr, fault === 'EIO' ? /Input\/output error|fsync failed|disk I\/O|cannot be/i : /No space left|disk|full/i, what);
        assert.doesNotMatch(ended.stderr, /internal error/, what);
      }
      goes_on(what);
    }
  });
}
