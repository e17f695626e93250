// Who may do what, on the wire: every operation of the contract, without a key and with each kind of one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { copy_into, json, mimeme, pick_stamps, scratch } from '../cli/mimeme.mjs';
import { operations, validating } from './contract.mjs';
import { serve } from './server.mjs';

const SCOPES = ['none', 'read', 'write', 'admin'];

let server, call;
after(() => server?.end());  // before scratch() takes its library away

const folder = scratch(), library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
const keys = {};
const bearing = key => ({ Authorization: `Bearer ${key}` });

before(async () => {
  copy_into(pictures, pick_stamps(4));
  json(library, 0, 'add', '--no-words', pictures);
  for (const scope of SCOPES.slice(1)) keys[scope] = json(library, 0, 'keys', 'create', scope, '--scope', scope).key;
  server = await serve(library, '--anonymous', 'none');
  call = validating(server.address);
});

// What is asked is wrong in other ways: it is refused or not, but never done.
const address = path => path.replace(/\{\w+\}/g, '99999');

test('every operation takes the scope that the contract says', async () => {
  for (const { method, path, scope } of operations) {
    if (method === 'DELETE' && path.endsWith('/session')) continue;
    for (const have of SCOPES) {
      const gone = new AbortController();
      const { status } = await fetch(server.address + address(path),
        { method, headers: have === 'none' ? {} : bearing(keys[have]), signal: gone.signal });
      gone.abort();  // a stream
      const is_let_in = SCOPES.indexOf(have) >= SCOPES.indexOf(scope), what = `${have}: ${method} ${path} → ${status}`;
      if (is_let_in) assert.ok(status !== 403 && (status !== 401 || path.endsWith('/session')), what);
      else assert.equal(status, have === 'none' ? 401 : 403, what);
    }
  }
});

test('a key that nobody has is refused', async () => {
  for (const key of ['', 'x', keys.admin.slice(0, -1), `${keys.admin}0`]) {
    const { status, headers } = await call('GET', '/api/v1/images', { headers: bearing(key) });
    assert.equal(status, 401, key);
    assert.equal(headers.get('www-authenticate'), 'Bearer');
  }
});

test('the web app itself is for everyone', async () => {
  for (const page of ['/', '/image/1', '/docs']) assert.equal((await fetch(server.address + page)).status, 200, page);
});

test('a session is opened with a key, and changes nothing without its token', async () => {
  const sign_in = key => call('POST', '/api/v1/session', { body: JSON.stringify({ key }) });
  assert.equal((await sign_in('mimeme_wrong')).status, 401);
  const { json: { scope, key, csrf_token }, headers } = await sign_in(keys.write);
  assert.deepEqual([scope, key], ['write', 'write']);
  const [cookie] = headers.get('set-cookie').split(';');
  const edit = more => call('PATCH', '/api/v1/images/1',
    { body: JSON.stringify({ description: 'a cat' }), headers: { cookie, 'Content-Type': 'application/json', ...more } });
  assert.equal((await call('GET', '/api/v1/images/1', { headers: { cookie } })).status, 200);
  assert.equal((await edit({})).status, 403);
  assert.equal((await edit({ 'X-CSRF-Token': '0'.repeat(64) })).status, 403);
  assert.equal((await edit({ 'X-CSRF-Token': csrf_token })).status, 200);
  assert.equal((await call('DELETE', '/api/v1/session', { headers: { cookie } })).status, 204);
  assert.equal((await call('GET', '/api/v1/images/1', { headers: { cookie } })).status, 401);
  assert.equal((await call('GET', '/api/v1/session', { headers: { cookie } })).json.scope, 'none');
});

test('a key that is made or revoked while the server runs is good or not at once', async () => {
  const { key } = json(library, 0, 'keys', 'create', 'guest');
  const ask = async () => (await call('GET', '/api/v1/status', { headers: bearing(key) })).status;
  assert.equal(await ask(), 200);
  assert.deepEqual(json(library, 0, 'keys', 'list').keys.map(({ name, scope }) => [name, scope]),
    [['admin', 'admin'], ['guest', 'read'], ['read', 'read'], ['write', 'write']]);
  assert.equal(mimeme(library, 'keys', 'revoke', 'guest').code, 0);
  assert.equal(await ask(), 401);
  const again = mimeme(library, 'keys', 'revoke', 'guest');
  assert.equal(again.code, 4);
  assert.match(again.stderr, /there is no key called "guest"/);
});

test('who listens is hung up on when a key is revoked, and asked anew', async () => {
  const { key } = json(library, 0, 'keys', 'create', 'listener');
  const listen = () => fetch(`${server.address}/api/v1/events`, { headers: bearing(key), signal: AbortSignal.timeout(60_000) });
  const stream = await listen();
  assert.equal(stream.status, 200);
  const heard = stream.text();
  assert.equal(mimeme(library, 'keys', 'revoke', 'listener').code, 0);
  await heard;  // it ends
  assert.equal((await listen()).status, 401);
});

test('who asks too often is told to wait', async () => {
  const other = path.join(folder, 'slow'), toml = path.join(other, 'mimeme.toml');
  const { key } = json(other, 0, 'keys', 'create', 'alice');
  fs.writeFileSync(toml, '[serve]\nanonymous = "read"\nrate = 0.01\nburst = 20\n');
  const slow = await serve(other);
  try {
    const asked = [];
    for (let i = 0; i < 25; ++i) asked.push(await fetch(`${slow.address}/api/v1/status`));
    assert.deepEqual(asked.map(({ status }) => status), [...Array(20).fill(200), ...Array(5).fill(429)]);
    assert.ok(Number(asked.at(-1).headers.get('retry-after')) > 0);
    assert.equal((await fetch(`${slow.address}/api/v1/status`, { headers: bearing(key) })).status, 200);
  } finally {
    await slow.end();
  }
});

test('with nothing said, only this machine is listened to, and a proxy there must be named', async () => {
  const other = path.join(folder, 'plain');
  const plain = await serve(other);
  try {
    assert.match(plain.address, /^http:\/\/127\.0\.0\.1:/);
    const ask = async headers => (await fetch(`${plain.address}/api/v1/jobs`, { method: 'GET', headers })).status;
    assert.equal(await ask({}), 200);
    for (const header of ['X-Forwarded-For', 'X-Real-IP', 'Via', 'Forwarded', 'X-Forwarded-Proto'])
      assert.equal(await ask({ [header]: '192.0.2.1' }), 403, header);
  } finally {
    await plain.end();
  }
});

test('reached by a name or a proxy, it takes a key', async () => {
  for (const [i, said] of ['hosts = ["memes.example"]', 'proxies = ["127.0.0.1"]', 'address = "127.0.0.1"'].entries()) {
    const other = path.join(folder, `exposed${i}`);
    const { key } = json(other, 0, 'keys', 'create', 'alice');
    fs.writeFileSync(path.join(other, 'mimeme.toml'), `[serve]\n${said}\n`);
    const exposed = await serve(other);
    try {
      const ask = async headers => (await fetch(`${exposed.address}/api/v1/status`, { headers })).status;
      assert.equal(await ask({}), i < 2 ? 401 : 200, said);
      assert.equal(await ask(bearing(key)), 200, said);
    } finally {
      await exposed.end();
    }
  }
});
