// What comes over the wire to do harm: the server refuses it, keeps nothing of it, and stays as large as it was.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { copy_into, files_below, json, mimeme, pick_stamps, scratch } from '../cli/mimeme.mjs';
import { validating } from './contract.mjs';
import { serve } from './server.mjs';

let server;
after(() => server?.end());  // before scratch() takes its library away

const folder = scratch(), library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
const MAX_BYTES = 100_000;
const POST = 'POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' +
  'Content-Type: multipart/form-data; boundary=edge\r\n';
let call, jpeg, slow;

before(async () => {
  const [first] = copy_into(pictures, pick_stamps(4));
  json(library, 0, 'add', '--no-words', pictures);
  jpeg = await sharp(first).flatten({ background: 'teal' }).resize(300, 300).jpeg().toBuffer();
  server = await serve(library, '--max-bytes', `${MAX_BYTES}`);
  call = validating(server.address);
  slow = await trickle();  // a request has 30 seconds to come: this one's pass while the other tests run
});

// A request that uploads `bytes`, as it goes over the wire.
function request(bytes) {
  const form = Buffer.concat([
    Buffer.from('--edge\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'),
    Buffer.from(bytes), Buffer.from('\r\n--edge--\r\n')]);
  return Buffer.concat([Buffer.from(`${POST}Content-Length: ${form.length}\r\n\r\n`), form]);
}

// A connection, with what has been answered on it; `closed` resolves when either side has hung up.
async function connection() {
  const socket = net.connect(server.port, '127.0.0.1'), answered = [];
  await once(socket, 'connect');
  socket.on('error', () => {});  // that it was reset is for `closed` to tell
  socket.on('data', data => answered.push(data));
  const closed = new Promise(resolve => socket.on('close', resolve));
  const answer = () => {
    const [head, body = ''] = Buffer.concat(answered).toString().split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]) || null, json: body[0] === '{' ? JSON.parse(body) : null };
  };
  return { socket, closed, answer };
}

// The answer to these bytes, all sent at once; no status if it was hung up on without one.
async function sent(bytes) {
  const { socket, closed, answer } = await connection();
  socket.write(bytes);
  await closed;
  return answer();
}

const images = async () => (await call('GET', '/api/v1/status')).json.images;
const as_it_was = async () => {
  assert.equal(await images(), 4);
  assert.equal(files_below(path.join(library, 'uploads')), 0);
};

// Sends an upload a byte at a time; `seconds` resolves to how long the server bore it.
async function trickle() {
  const going = await connection(), bytes = request(jpeg), began = Date.now();
  let at = 0;
  const timer = setInterval(() => going.socket.write(bytes.subarray(at, ++at)), 200);
  const seconds = going.closed.then(() => {
    clearInterval(timer);
    return (Date.now() - began) / 1000;
  });
  return { ...going, seconds };
}
after(() => slow?.socket.destroy());

test('an upload that is no picture is told so', async () => {
  const { status, json: answer } = await sent(request('these are words'));
  assert.equal(status, 200);
  assert.deepEqual([answer.files[0].outcome, answer.files[0].problem.status], ['failed', 415]);
  await as_it_was();
});

test('an upload over the limit is refused', async () => {
  // As a request larger than any that is allowed, and as a file a little larger than one may be.
  for (const size of [40 * MAX_BYTES, MAX_BYTES + 1]) {
    const { status, json: answer } = await sent(request(Buffer.concat([jpeg, Buffer.alloc(size - jpeg.length)])));
    assert.equal(answer?.files?.[0].problem.status ?? status, 413);
  }
  // One that is only announced.
  const { socket, closed, answer } = await connection();
  socket.end(`${POST}Content-Length: 1000000000000\r\n\r\n--edge\r\n`);
  await closed;
  assert.ok([null, 400, 413].includes(answer().status), `status ${answer().status}`);
  await as_it_was();
});

test('uploads that are cut off leave nothing behind', async () => {
  const whole = request(jpeg);
  for (let i = 1; i <= 40; ++i) {
    const { socket, closed, answer } = await connection();
    const part = whole.subarray(0, Math.floor((whole.length * i) / 41));
    if (i % 2) {
      socket.end(part);
      await closed;
      assert.ok([null, 400].includes(answer().status), `status ${answer().status}`);
    } else {
      await new Promise(resolve => socket.write(part, resolve));
      socket.resetAndDestroy();
    }
  }
  await as_it_was();
});

test('forms that are malformed are refused', async () => {
  const head = 'Content-Disposition: form-data; name="file"; filename="a"';
  const bodies = ['', '--', '--edge', '--edge--', '--edge\r\n', `--edge\r\n${head}`, `--edge\r\n${head}\r\n\r\n`,
    `--edge\r\n${head}\r\n\r\nx`, `--edge\r\n${head}\r\n\r\nx\r\n--edge`, '\0'.repeat(1000), '--edge\r\n'.repeat(1000),
    `--edge\r\n${'A: b\r\n'.repeat(5000)}\r\nx\r\n--edge--\r\n`,
    `--edge\r\n${'a'.repeat(50_000)}\r\n\r\nx\r\n--edge--\r\n`];
  for (const body of bodies) {
    const { status, json: answer } = await sent(`${POST}Content-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal(status, 400, JSON.stringify(body.slice(0, 80)));
    assert.equal(answer.code, 'invalid_argument');
  }
  await as_it_was();
});

test('addresses that name nothing are answered', async () => {
  for (const target of ['/', '//', '/?', '/#', '/%00', '/..', '/%2e%2e/%2e%2e/etc/passwd', '/api', '/api/', '*', '?'])
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
      const { status } = await sent(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      assert.ok(status === null || status < 500, `${method} ${target} → ${status}`);
      assert.equal((await call('GET', '/healthz')).status, 200);
    }
});

test('pages of other sites, and names that were pointed here, get and change nothing', async () => {
  const ask = (method, target, ...headers) =>
    sent([`${method} ${target} HTTP/1.1`, ...headers, 'Connection: close', 'Content-Length: 0', '', ''].join('\r\n'));
  const id = (await call('GET', '/api/v1/images?limit=1')).json.images[0].id;
  const targets = [['GET', '/'], ['GET', '/api/v1/images'], ['GET', `/api/v1/images/${id}/original`], ['GET', '/metrics'],
    ['DELETE', `/api/v1/images/${id}`], ['POST', '/api/v1/jobs']];
  for (const [method, target] of targets) {
    for (const headers of [['Host: evil.example'], [`Host: evil.example:${server.port}`], ['Host: localhost.evil.example'], ['X: y'],
      ['Host: localhost', 'Sec-Fetch-Site: cross-site'], ['Host: localhost', 'Sec-Fetch-Site: same-site'],
      ...method === 'GET' ? [] : [['Host: localhost', 'Origin: https://evil.example'], ['Host: localhost', 'Origin: null']]]) {
      const { status, json: answer } = await ask(method, target, ...headers);
      assert.equal(status, 403, `${method} ${target} ${headers}`);
      assert.equal(answer.code, 'forbidden');
    }
  }
  assert.equal((await ask('GET', '/', 'Host: localhost', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-Dest: document')).status, 200, 'a link may lead here');
  await as_it_was();
});

test('2,000 bad uploads leave the server no larger than 500 did', async () => {
  const bad = [Buffer.from('these are words'), jpeg.subarray(0, 2000), Buffer.alloc(0), jpeg.subarray(0, 20),
    await sharp(jpeg).png().toBuffer().then(png => png.subarray(0, 3000)),
    await sharp(jpeg).webp().toBuffer().then(webp => webp.subarray(0, 1000)),
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"/>')];
  const upload = async i => {
    const body = new FormData();
    body.append('file', new Blob([bad[i % bad.length]]), `${i}.jpg`);
    const { status, json: answer } = await call('POST', '/api/v1/images', { body });
    assert.equal(status, 200);
    assert.equal(answer.files[0].outcome, 'failed', `${i}`);
  };
  let at_500;
  for (let i = 0; i < 2000; i += 4) {
    await Promise.all([0, 1, 2, 3].map(k => upload(i + k)));
    if (i + 4 === 500) at_500 = server.rss();
  }
  const at_2000 = server.rss();
  assert.ok(at_2000 <= 1.1 * at_500, `${at_500} kB after 500, ${at_2000} kB after 2,000`);
  await as_it_was();
});

test('an upload that comes a byte at a time is hung up on', async () => {
  const seconds = await slow.seconds;
  assert.ok(seconds < 60, `after ${seconds} s`);
  assert.notEqual(slow.answer().status, 200);
  await as_it_was();
});

test('after all that a good one is taken, and the library is whole', async () => {
  const body = new FormData();
  body.append('file', new Blob([jpeg]), 'good.jpg');
  assert.equal((await call('POST', '/api/v1/images', { body })).json.files[0].outcome, 'added');
  assert.equal(await server.end(), 0);
  assert.equal(mimeme(library, 'check').code, 0);
});
