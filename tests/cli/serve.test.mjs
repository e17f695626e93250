// mimeme serve, over a real socket, on a real library with the real models.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import sharp from 'sharp';
import { serve, started } from '../http/server.mjs';
import { copy_into, environment, json, make_meme, mimeme, pick_stamps, program, scratch } from './mimeme.mjs';

const folder = scratch();
const library = path.join(folder, 'library');
const pictures = path.join(folder, 'pictures');

before(async () => {
  const stamps = copy_into(pictures, pick_stamps(6));
  await make_meme(path.join(pictures, 'meme.png'), stamps[0], 'NOT TODAY', 'OLD FRIEND');
  json(library, 0, 'add', pictures);
});

// Calls without regard to the contract, which is what tests/http is for.
async function call(server, method, target, body) {
  const response = await fetch(server.address + target, { method, body, signal: AbortSignal.timeout(60_000) });
  const text = await response.text(), type = response.headers.get('content-type');
  return { status: response.status, type, json: text && text[0] === '{' ? JSON.parse(text) : null };
}

test('it answers as the command line does, takes edits, and ends on SIGTERM', async () => {
  const cli = json(library, 0, 'search', 'not today', '--limit', '1').hits[0];
  const server = await serve(library);
  try {
    const status = await call(server, 'GET', '/api/v1/status');
    assert.equal(status.json.images, 7);
    const found = await call(server, 'GET', '/api/v1/search?q=not+today&limit=1');
    assert.deepEqual(found.json.hits[0], cli);

    // An edited copy, sent, finds the original.
    const edited = await sharp(path.join(pictures, 'meme.png')).resize(320).jpeg({ quality: 60 }).toBuffer();
    const similar = await call(server, 'POST', '/api/v1/similar?limit=1', edited);
    assert.equal(similar.json.hits[0].id, cli.id);

    const original = await fetch(`${server.address}/api/v1/images/${cli.id}/original`);
    assert.deepEqual(Buffer.from(await original.arrayBuffer()), fs.readFileSync(path.join(pictures, 'meme.png')));

    const edit = '{"description": "a walrus in a hat"}';
    assert.equal((await call(server, 'PATCH', `/api/v1/images/${cli.id}`, edit)).status, 200);
    assert.equal((await call(server, 'GET', '/api/v1/search?q=walrus')).json.hits[0].id, cli.id);

    const refused = await call(server, 'POST', '/api/v1/similar', 'these are words');
    assert.deepEqual([refused.status, refused.json.code], [415, 'unsupported']);
    assert.equal(refused.type, 'application/problem+json');

    // Another command meanwhile: client.test.mjs has more of these.
    assert.equal(json(library, 0, 'search', 'walrus').hits[0].id, cli.id);
  } finally {
    assert.equal(await server.end(), 0);
  }
  assert.equal(json(library, 0, 'search', 'walrus').hits[0].id, cli.id);
  assert.equal(mimeme(library, 'check').code, 0);
});

test('many at once, and pictures that break off, leave it as it was', async () => {
  const server = await serve(library);
  try {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
      call(server, 'GET', i % 2 ? '/api/v1/search?q=friend' : '/api/v1/images/1/similar')));
    for (const { status } of answers) assert.ok(status === 200 || status === 503, `status ${status}`);
    assert.ok(answers.some(({ status }) => status === 200));

    // A body that ends half-way.
    const { port } = new URL(server.address);
    for (let i = 0; i < 20; ++i) {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.end('POST /api/v1/similar HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf');
      socket.resume();
      await once(socket, 'close');
    }
    const cut = fs.readFileSync(path.join(pictures, 'meme.png')).subarray(0, 5000);
    assert.equal((await call(server, 'POST', '/api/v1/similar', cut)).status, 422);
    assert.equal((await call(server, 'GET', '/api/v1/status')).json.images, 7);
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('a port that is taken, and a body over the limit', async () => {
  const server = await serve(library, '--max-bytes', '100000');
  try {
    const { port } = new URL(server.address);
    const other = path.join(folder, 'other', 'library');
    json(other, 0, 'add', '--no-words', pick_stamps(1)[0]);
    const second = mimeme(other, 'serve', '--port', port);
    assert.equal(second.code, 4);
    assert.match(second.stderr, new RegExp(`${port}.*in use`));
    const large = await call(server, 'POST', '/api/v1/similar', Buffer.alloc(4_000_000));
    assert.deepEqual([large.status, large.json.code], [413, 'too_large']);
    assert.equal((await call(server, 'GET', '/healthz')).status, 200);
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('more connections than the system has descriptors for wait, and go on', async () => {
  const server = await started(library, 'bash', ['-c', `ulimit -n 140; exec "${program}" serve --port 0 --json`]);
  try {
    const { port } = new URL(server.address);
    const sockets = Array.from({ length: 300 }, () => net.connect(port, '127.0.0.1').on('error', () => {}));
    await Promise.all(sockets.map(socket => once(socket, 'connect')));
    // An answer on one that was accepted: so the server has seen them.
    sockets[0].write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(String((await once(sockets[0], 'data'))[0]), /^HTTP\/1.1 200/);
    for (const socket of sockets) socket.destroy();
    assert.equal((await call(server, 'GET', '/healthz')).status, 200);
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('the log is JSON if that is asked for, and holds no key', async () => {
  const empty = path.join(folder, 'empty');
  const child = spawn(program, ['serve', '--port', '0', '--json', '--verbose', '--log-format', 'json', '--anonymous', 'none'],
    { env: environment(empty), stdio: ['ignore', 'pipe', 'pipe'] });
  const logged = child.stderr.toArray(), closed = once(child, 'close');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const { key } = json(empty, 0, 'keys', 'create', 'alice');
  const headers = { Authorization: `Bearer ${key}` };
  assert.equal((await fetch(`${JSON.parse(line).address}/api/v1/status`, { headers })).status, 200);
  child.kill();
  await closed;
  const text = Buffer.concat(await logged).toString(), lines = text.split('\n').filter(Boolean).map(one => JSON.parse(one));
  const told = lines.find(({ level, message }) => level === 'warning' && /nobody may do anything yet/.test(message));
  assert.match(told.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(!text.includes(key.slice(7)));
});
