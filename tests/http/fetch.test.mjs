// Pictures by their web address, with the real program: nothing on this machine is ever asked. What is fetched, and how,
// is in tests/fetch, where a server of the tests may be.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { scratch } from '../cli/mimeme.mjs';
import { validating } from './contract.mjs';
import { serve } from './server.mjs';

const folder = scratch();
const servers = {}, ask = {};
let asked = 0;
const secret = net.createServer(socket => (asked++, socket.destroy()));
before(async () => {
  for (const [name, toml] of [['off', ''], ['on', '[serve]\nfetch_urls = true\n']]) {
    const library = path.join(folder, name);
    fs.mkdirSync(library);
    fs.writeFileSync(path.join(library, 'mimeme.toml'), toml);
    servers[name] = await serve(library);
    ask[name] = validating(servers[name].address);
  }
  await new Promise(done => secret.listen(0, '127.0.0.1', done));
});
after(() => {
  secret.close();
  return Promise.all(Object.values(servers).map(server => server.end()));
});

const POSTS = ['/api/v1/similar', '/api/v1/queries'];
const by_url = url => ({ body: JSON.stringify({ url }), headers: { 'Content-Type': 'application/json; charset=utf-8' } });

async function refused(server, target, options, status, code) {
  const answer = await ask[server]('POST', target, options);
  assert.deepEqual([answer.status, answer.json.code], [status, code], `${options.body}: ${answer.text}`);
  return answer.json.detail;
}

test('it is off unless mimeme.toml says so, and the answer says how to allow it', async () => {
  for (const target of POSTS)
    assert.match(await refused('off', target, by_url('https://127.0.0.1/'), 403, 'forbidden'), /fetch_urls = true.*\[serve\]/);
  for (const name of ['off', 'on'])
    assert.equal((await ask[name]('GET', '/api/v1/status')).json.fetch_urls, name === 'on');
});

test('nothing on this machine or its network is asked, and nobody learns whether something is there', async () => {
  const { port } = secret.address(), told = new Set();
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', '169.254.169.254', '10.0.0.1'])
    for (const at of [`:${port}`, ':1', '']) {
      for (const target of POSTS) told.add(await refused('on', target, by_url(`https://${host}${at}/x.png`), 422, 'unreachable'));
    }
  assert.equal(told.size, 1, [...told].join('\n'));
  assert.equal(asked, 0);
});

test('what is no https address is refused', async () => {
  for (const url of ['http://127.0.0.1/', 'file:///etc/passwd', 'https://a:b@127.0.0.1/', 'x.png', '', 7, null])
    for (const target of POSTS) await refused('on', target, by_url(url), 400, 'invalid_argument');
});
