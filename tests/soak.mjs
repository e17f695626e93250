// node tests/soak.mjs [--minutes 120] [--restart 5] [--seed 7]
//
// Mixed load on one server for hours: uploads, searches by picture and by words, edits, deletions. In the first half it is
// started anew every few minutes, every other time after a kill −9; in the second it stays, and neither its memory nor its file
// descriptors may grow. What was answered is held against the library: what was in doubt at each restart, all at the end.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { copy_into, files_below, json, pick_stamps } from './cli/mimeme.mjs';
import { serve } from './http/server.mjs';
import { random_of } from '../tools/random.mjs';

const { values } = parseArgs({ options: {
  minutes: { type: 'string', default: '120' }, restart: { type: 'string', default: '5' }, seed: { type: 'string', default: '7' },
} });
const [minutes, restart, seed] = [values.minutes, values.restart, values.seed].map(Number);
const CLIENTS = 4, FEWEST = 150, MOST = 300;
const random = random_of(seed), below = n => Math.floor(random() * n), pick = list => list[below(list.length)];
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'mimeme-soak.')), library = path.join(root, 'library');
const stamps = pick_stamps(160), words = ['dragonfly', 'NOT TODAY', 'penguin', 'monday', 'why', 'everyone', 'plan', 'never'];
json(library, 0, 'add', '--no-words', path.dirname(copy_into(path.join(root, 'pictures'), stamps.slice(0, 60))[0]));

// A picture that there was not before.
const picture = () => sharp(pick(stamps)).flatten({ background: { r: below(256), g: below(256), b: below(256) } })
  .resize(320, 240, { fit: 'contain', background: '#5a7d9a' })
  .composite([{ input: Buffer.from(`<svg width="320" height="240"><text x="160" y="40" font-family="Bebas Neue" font-size="36"
    text-anchor="middle" fill="white">${pick(words)} ${below(1e6)}</text></svg>`) }]).jpeg({ quality: 80 }).toBuffer();

// What was uploaded and is there: by its bytes, { id, description, category }. `busy` while a client is at it. What was
// being asked when the server went is in doubt, until it is looked at; `doubted` is all that ever was.
const known = new Map(), busy = new Set(), doubt = new Map(), doubted = new Set();
const counts = {}, faults = [];
const fault = text => {
  faults.push(text);
  console.error(text);
};
let server, stopping = false;

class Gone extends Error {}

async function ask(method, target, body, expected = [200, 201, 204]) {
  let response, text;
  try {
    response = await fetch(server.address + target, { method, body, signal: AbortSignal.timeout(60_000) });
    text = await response.arrayBuffer();
  } catch (error) {
    if (!stopping) fault(`${method} ${target}: ${error.cause?.message ?? error.message}`);
    throw new Gone();
  }
  if (response.status === 503 && stopping) throw new Gone();  // it says that it ends
  counts[method] = (counts[method] ?? 0) + 1;
  if (!expected.includes(response.status)) fault(`${method} ${target}: ${response.status} ${Buffer.from(text)}`);
  return /json/.test(response.headers.get('Content-Type')) ? JSON.parse(Buffer.from(text)) : undefined;
}

// Asks for a change of the image with these bytes, which has `now` and is to have `next`; undefined: none.
async function change(sha256, next, request) {
  const now = known.get(sha256);
  busy.add(sha256);
  try {
    await request();
    if (next) known.set(sha256, next);
    else known.delete(sha256);
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
    doubt.set(sha256, [now, next]);
    throw error;
  } finally {
    busy.delete(sha256);
  }
}

const free = () => pick([...known.keys()].filter(sha256 => !busy.has(sha256) && !doubt.has(sha256)));

async function edit(said) {
  const sha256 = free();
  if (!sha256) return;
  const next = { ...known.get(sha256), ...said };
  await change(sha256, next, () => ask('PATCH', `/api/v1/images/${next.id}`, JSON.stringify(said)));
}

const actions = {
  upload: [3, async () => {
    const bytes = await picture(), sha256 = createHash('sha256').update(bytes).digest('hex');
    const form = new FormData(), next = { description: '', category: '' };
    form.append('file', new Blob([bytes]), 'soak.jpg');
    await change(sha256, next, async () => {
      const { image, error } = (await ask('POST', '/api/v1/images', form)).files?.[0] ?? {};
      if (!image) fault(`an upload: ${JSON.stringify(error)}`);
      next.id = image?.id;
    });
  }],
  describe: [2, () => edit({ description: `${pick(words)} ${below(1000)}` })],
  name: [2, () => edit({ category: `family ${below(12)}` })],
  drop: [3, async () => {
    const sha256 = free();
    if (sha256) await change(sha256, undefined, () => ask('DELETE', `/api/v1/images/${known.get(sha256).id}`));
  }],
  similar: [4, async () => ask('POST', '/api/v1/similar', await picture())],
  alike: [3, async () => {
    const sha256 = free();
    if (sha256) await ask('GET', `/api/v1/images/${known.get(sha256).id}/similar`, undefined, [200, 404]);
  }],
  search: [6, () => ask('GET', `/api/v1/search?q=${encodeURIComponent(pick(words))}`)],
  look: [4, async () => {
    const sha256 = free();
    if (sha256) await ask('GET', `/api/v1/images/${known.get(sha256).id}/${pick(['original', 'thumbnail'])}`, undefined, [200, 404]);
  }],
  pages: [2, () => ask('GET', `/api/v1/${pick(['images?limit=50', 'families', 'families/unnamed', 'duplicates', 'status', 'suggestions'])}`)],
};

async function client() {
  while (!stopping) {
    const some = Object.entries(actions).filter(([name]) =>
      name === 'upload' ? known.size < MOST : name === 'drop' ? known.size > FEWEST : true);
    let at = below(some.reduce((sum, [, [weight]]) => sum + weight, 0));
    const [, [, run]] = some.find(([, [weight]]) => (at -= weight) < 0);
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
    await sleep(below(60));
  }
}

// What the server and its workers hold.
function held() {
  const threads = fs.readdirSync(`/proc/${server.pid}/task`);
  const read = file => fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';  // threads and workers come and go
  const children = threads.flatMap(thread => read(`/proc/${server.pid}/task/${thread}/children`).match(/\d+/g) ?? []);
  const rss = pid => Number(read(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+) kB/m)?.[1] ?? 0);
  return { rss: server.rss(), workers: children.map(rss), files: fs.readdirSync(`/proc/${server.pid}/fd`).length,
    threads: threads.length };
}

// What was in doubt is one or the other.
async function settle() {
  for (const [sha256, [now, next]] of doubt) {
    doubted.add(sha256);
    const [image] = (await ask('GET', `/api/v1/images?sha256=${sha256}`)).images;
    const found = image && await ask('GET', `/api/v1/images/${image.id}`);
    const is = found && { id: image.id, description: found.described_by === 'user' ? found.description : '', category: found.category };
    const same = said => said ? is && is.description === said.description && is.category === said.category : !is;
    if (!same(now) && !same(next)) fault(`${sha256} is ${JSON.stringify(is)}, neither ${JSON.stringify(now)} nor ${JSON.stringify(next)}`);
    if (is) known.set(sha256, is);
    else known.delete(sha256);
  }
  doubt.clear();
}

server = await serve(library);
const began = Date.now(), age = () => (Date.now() - began) / 60_000;
const samples = [];
for (let life = 0; age() < minutes; ++life) {
  const until = age() + restart < minutes / 2 ? age() + restart : minutes;
  stopping = false;
  const clients = Array.from({ length: CLIENTS }, client);
  while (age() < until) {
    await Promise.race([sleep(Math.min(1, until - age()) * 60_000), ...clients]);
    samples.push({ life, minute: Number(age().toFixed(1)), ...held(), images: known.size, ...counts, faults: faults.length });
    console.log(JSON.stringify(samples.at(-1)));
  }
  stopping = true;
  const kill = life % 2 === 1, code = await server.end(kill ? 'SIGKILL' : 'SIGTERM');
  if (!kill && code !== 0) fault(`SIGTERM: the server ended with ${code}`);
  await Promise.all(clients);
  server = await serve(library);
  await settle();
}
await server.end();

// Catalog, indexes and files agree, with one another and with what was answered. A file whose image was in doubt when the
// server was killed is found by `add`.
json(library, 0, 'add', '--no-words');
const checked = json(library, 0, 'check', '--originals');
if (!checked.clean) fault(`check: ${JSON.stringify(checked)}`);
json(library, 0, 'export', path.join(root, 'export'));
const lines = fs.readFileSync(path.join(root, 'export/images.jsonl'), 'utf8').split('\n').filter(Boolean).map(line => JSON.parse(line));
const uploads = lines.filter(({ paths }) => paths.some(file => file.startsWith(path.join(library, 'uploads'))));
for (const { sha256 } of uploads)
  if (!known.has(sha256) && doubted.has(sha256)) known.set(sha256, { description: '', category: '' });
const told = entries => Object.fromEntries(entries.sort());
assert.deepEqual(
  told(uploads.map(({ sha256, description = '', category = '' }) => [sha256, `${description}|${category}`])),
  told([...known].map(([sha256, { description, category }]) => [sha256, `${description}|${category}`])));
assert.equal(files_below(path.join(library, 'uploads')), known.size);
assert.deepEqual(faults, []);

// In the long life, when its caches are full: they take minutes. What a picture takes comes and goes, so means are compared.
const long = samples.filter(({ life }) => life === samples.at(-1).life), quarter = Math.ceil(long.length / 4);
const mean = (some, what) => some.reduce((sum, sample) => sum + sample[what], 0) / some.length;
for (const what of ['files', 'rss']) {
  const [then, now] = [long.slice(-2 * quarter, -quarter), long.slice(-quarter)].map(some => mean(some, what));
  assert.ok(now <= then * 1.1, `${what}: ${then.toFixed()} in the third quarter, ${now.toFixed()} in the last`);
}
console.log(`${minutes} minutes, ${samples.at(-1).life + 1} starts, ${JSON.stringify(counts)}: nothing lost`);
fs.rmSync(root, { recursive: true });
