// The command line beside `mimeme serve`: it works as the server's client, and nobody sees a difference.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { before, test } from 'node:test';
import { serve as serve_library } from '../http/server.mjs';
import { copy_into, environment, json, make_meme, mimeme, pick_stamps, program, run, scratch, start, until } from './mimeme.mjs';

const folder = scratch();
const library = path.join(folder, 'library');
const pictures = path.join(folder, 'pictures');

before(async () => {
  const stamps = copy_into(pictures, pick_stamps(6));
  await make_meme(path.join(pictures, 'meme.png'), stamps[0], 'NOT TODAY', 'OLD FRIEND');
  json(library, 0, 'add', pictures);
});

// A server for `of`, with where its clients find it.
const serve = async (of = library) => ({ ...(await serve_library(of)), socket: path.join(of, 'serve.sock') });

// Copies a library, for a test that changes or kills it.
function copy_of(name) {
  const to = path.join(folder, name, 'library');
  fs.cpSync(library, to, { recursive: true });
  return to;
}

// Pictures enough to keep an `add` at work for a while.
const many = path.join(folder, 'many');
// Some of them are the same.
const all = 205;
const add_many = async (of, ...args) => {
  if (!fs.existsSync(many)) copy_into(many, pick_stamps(200));
  const images = json(of, 0, 'status').images;
  const adding = start(of, 'add', many, '--no-words', ...args);
  await until(() => json(of, 0, 'status').images > images, 'the first pictures');
  return adding;
};

test('answers and exit codes are the same as without a server', async () => {
  const commands = [
    ['status'], ['status', '--json'], ['search', 'not', 'today'], ['search', 'not today', '--json'],
    ['search', 'zzzzqqqq'], ['similar', '1'], ['similar', 'meme.png', '--limit', '2'], ['similar', './meme.png', '--json'],
    ['similar', 'no such file'], ['similar', 'no such file', '--json'], ['describe', 'meme.png'],
    ['describe', '999'], ['remove', 'no such file'], ['suggestions'], ['pca', 'show'], ['check', '--json'],
    ['search', 'no:such'], ['search'], ['similar', '--help'], ['models', 'list'],
  ];
  // From the pictures' folder, so that paths are relative to another one than the server's.
  const all = () => commands.map(args => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: pictures, env: environment(library), encoding: 'utf8' });
    return { args, status, stdout, stderr };
  });
  const alone = all();
  const server = await serve();
  try {
    // How large the catalog is, differs while it is open.
    const plain = answers => JSON.stringify(answers, null, 1).replace(/\([0-9.]+ .B\)|catalog_bytes\\":\d+/g, '');
    assert.equal(plain(all()), plain(alone));
  } finally {
    assert.equal(await server.end(), 0);
  }
  assert.ok(!fs.existsSync(server.socket));
});

test('what is added, described and removed is found by both at once', async () => {
  const of = copy_of('edits'), more = path.join(folder, 'more');
  const server = await serve(of);
  try {
    await make_meme(path.join(more, 'walrus.png'), pick_stamps(9)[7], 'GOOGOO', 'GJOOB');
    const added = await run(of, 'add', more);
    assert.deepEqual([added.code, added.stderr], [0, ''], added.stdout);
    assert.match(added.stdout, /^1 image embedded/);
    const found = async words => (await (await fetch(`${server.address}/api/v1/search?q=${words}`)).json()).hits[0]?.id;
    const id = json(of, 0, 'search', 'googoo').hits[0].id;
    assert.equal(await found('googoo'), id);
    assert.equal(mimeme(of, 'describe', path.join(more, 'walrus.png'), 'an eggman').code, 0);
    assert.equal(await found('eggman'), id);
    // A relative path, the library named by one too, and lines from a pipe.
    const lines = spawnSync('bash', ['-c', `"${program}" describe --library edits/library --from <(echo '{"image": "more/walrus.png", "description": "a penguin"}')`], { cwd: folder, env: environment(library), encoding: 'utf8' });
    assert.deepEqual([lines.status, lines.stdout, lines.stderr], [0, '1 line done\n', '']);
    assert.equal(await found('penguin'), id);
    assert.equal(json(of, 0, 'remove', String(id)).removed, 1);
    assert.notEqual(await found('penguin'), id);
    assert.match(mimeme(of, 'describe', String(id)).stderr, /no image/);
  } finally {
    assert.equal(await server.end(), 0);
  }
  assert.equal(json(of, 0, 'check').clean, true);
});

test('what needs the library for itself says who holds it', async () => {
  const server = await serve();
  try {
    fs.mkdirSync(path.join(folder, 'export'));
    json(library, 0, 'export', path.join(folder, 'export'));
    for (const args of [['serve', '--port', '0'], ['models', 'use', 'inception-v3'], ['import', path.join(folder, 'export')]]) {
      const { code, stderr } = mimeme(library, ...args);
      assert.equal(code, 4);
      assert.match(stderr, /in use by process \d+ .*serve/);
    }
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('progress is drawn on the terminal of the client', async t => {
  const of = copy_of('progress');
  const server = await serve(of);
  try {
    const typescript = path.join(folder, 'typescript');
    if (!fs.existsSync(many)) copy_into(many, pick_stamps(200));
    const drawn = spawnSync('script', ['-qec', `"${program}" add "${many}" --no-words`, typescript], { env: environment(of), encoding: 'utf8' });
    if (drawn.error) return t.skip('script is not installed');
    assert.equal(drawn.status, 0, drawn.stdout);
    assert.match(drawn.stdout, /\r\x1b\[Kembedding \[#+\.*\] \d+\/200 \(\d+ %\)/);
    assert.match(drawn.stdout, /\r\x1b\[K\d+ images embedded/);
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('Ctrl-C ends an add in order; what was committed stays', async () => {
  const of = copy_of('interrupt');
  const server = await serve(of);
  try {
    const { child, ended } = await add_many(of);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(code, 3);
    assert.match(stderr, /stopped: what is done is kept/);
    const { images } = json(of, 0, 'status');
    assert.ok(images > 7 && images < all, `${images}`);
    assert.equal(json(of, 0, 'add', many, '--no-words').embedded, all - images);
  } finally {
    assert.equal(await server.end(), 0);
  }
  assert.equal(json(of, 0, 'check').clean, true);
});

test('a client that is killed stops its command; the server goes on', async () => {
  const of = copy_of('killed');
  const server = await serve(of);
  try {
    const { child, ended } = await add_many(of);
    child.kill('SIGKILL');
    assert.equal((await ended).signal, 'SIGKILL');
    const { images } = json(of, 0, 'status');
    assert.ok(images < all);
    // It waits until the other has ended.
    assert.equal(json(of, 0, 'add', many, '--no-words').unchanged >= images - 7, true);
    assert.equal(json(of, 0, 'status').images, all);
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('a server that is told to end stops its commands first', async () => {
  const of = copy_of('ended');
  const server = await serve(of);
  const { ended } = await add_many(of);
  assert.equal(await server.end(), 0);
  const { code, stderr } = await ended;
  assert.equal(code, 3);
  assert.match(stderr, /stopped: what is done is kept/);
  assert.equal(json(of, 0, 'check').clean, true);
});

test('a server that is killed: its client says so; what it left is in nobody\'s way', async () => {
  const of = copy_of('killed server');
  const server = await serve(of);
  const { ended } = await add_many(of);
  await server.end('SIGKILL');
  const { code, stderr } = await ended;
  assert.equal(code, 4);
  assert.match(stderr, /^mimeme: the server .* has ended/m);
  assert.ok(fs.existsSync(server.socket));
  assert.equal(json(of, 0, 'check').clean, true);
  const next = await serve(of);
  assert.ok(json(of, 0, 'status').images > 7);
  assert.equal(await next.end(), 0);
});

test('two adds at once: one waits for the other, searches for neither', async () => {
  const of = copy_of('two'), others = path.join(folder, 'others');
  copy_into(others, pick_stamps(230).slice(0, 20));
  const server = await serve(of);
  try {
    const first = await add_many(of);
    const second = start(of, 'add', others, '--no-words');
    let said = '';
    second.child.stderr.on('data', data => (said += data));
    await until(() => said.includes('waiting until another command is done'), 'a second add that waits');
    assert.equal(mimeme(of, 'search', 'friend').code, 0);
    assert.equal(first.child.exitCode, null);
    assert.equal((await first.ended).code, 0);
    assert.equal((await second.ended).code, 0);
  } finally {
    assert.equal(await server.end(), 0);
  }
  assert.equal(json(of, 0, 'check').clean, true);
});

test('a reader that goes ends the client as it would a command; the server stays', async () => {
  const server = await serve();
  try {
    const piped = spawnSync('bash', ['-c', `"${program}" status | true; echo "\${PIPESTATUS[0]}"; "${program}" status > /dev/full; echo $?`], { env: environment(library), encoding: 'utf8' });
    assert.equal(piped.stdout, '141\n4\n');
    assert.match(piped.stderr, /could not be written: is the disk full/);
    assert.equal(mimeme(library, 'status').code, 0);
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('nobody else may connect, and garbage does no harm', async t => {
  const server = await serve();
  try {
    assert.equal(fs.statSync(server.socket).mode & 0o777, 0o600);
    for (const bytes of [Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(1 << 20, 0xff)]) {
      const socket = net.connect(server.socket).on('error', () => {});
      socket.end(bytes);
      socket.resume();
      await new Promise(resolve => socket.on('close', resolve));
    }
    assert.equal(mimeme(library, 'status').code, 0);
    if (process.getuid() !== 0) return t.skip('another user needs root');
    fs.chmodSync(server.socket, 0o666);  // as if the file's mode did not help
    for (let at = folder; at !== '/tmp' && at !== '/'; at = path.dirname(at)) fs.chmodSync(at, 0o755);
    const other = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', program, 'status'], { cwd: '/', env: environment(library), encoding: 'utf8' });
    if (other.error || /setpriv|ermission denied: '/.test(other.stderr)) return t.skip(`setpriv: ${other.error ?? other.stderr}`);
    assert.equal(other.status, 4);
    assert.match(other.stderr, /another user's/);
  } finally {
    assert.equal(await server.end(), 0);
  }
});

test('a library with a path longer than a socket\'s address', async () => {
  const of = copy_of('long'.repeat(40));
  const server = await serve(of);
  try {
    assert.ok(server.socket.length > 108);
    assert.equal(json(of, 0, 'status').images, 7);
  } finally {
    assert.equal(await server.end(), 0);
  }
});
