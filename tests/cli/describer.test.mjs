// Descriptions by a vision-language model: a real HTTP server that speaks the protocol, well and badly.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test, { after } from 'node:test';
import { copy_into, json, mimeme, pick_stamps, run, scratch, start } from './mimeme.mjs';

const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');
const files = copy_into(pictures, pick_stamps(12));

// Answers as `respond(request, answer, n)` says, n counting from 1.
let respond, asked = 0;
const server = http.createServer(async (request, response) => {
  let body = '';
  for await (const data of request) body += data;
  respond({ request, body: JSON.parse(body) }, (status, content, headers = {}) => response.writeHead(status, headers).end(content), ++asked);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => server.close());
const says = text => JSON.stringify({ choices: [{ message: { role: 'assistant', content: text } }] });

const configure = (settings, base = `http://127.0.0.1:${server.address().port}/v1`) =>
  fs.writeFileSync(path.join(library, 'mimeme.toml'), `[describer]\nbase_url = "${base}"\nmodel = "llava"\n${settings}\n`);
const add = async code => {
  asked = 0;
  const done = await run(library, 'add', '--json');
  assert.equal(done.code, code, done.stdout + done.stderr);
  return { ...JSON.parse(done.stdout).words, stderr: done.stderr };
};

test('every picture is described, but what the user has said stands', async () => {
  json(library, 0, 'add', pictures);
  json(library, 0, 'describe', files[0], 'my own words');
  const seen = [];
  respond = ({ request, body }, answer, n) => {
    const [text, image] = body.messages[0].content;
    seen.push([request.url, body.model, text.type, image.image_url.url.slice(0, 23), request.headers.authorization]);
    answer(200, says(`<think>hm</think>Astronaut number ${n} rides a horse.`));
  };
  configure('concurrency = 3\napi_key_env = "LLAVA_KEY"');
  process.env.LLAVA_KEY = 'secret';
  const words = await add(0);
  assert.equal(words.described, 11);
  assert.deepEqual(new Set(seen.map(String)), new Set(['/v1/chat/completions,llava,text,data:image/jpeg;base64,,Bearer secret']));
  assert.equal(json(library, 0, 'search', 'astronaut').hits.length, 11);
  assert.match(json(library, 0, 'describe', files[5]).description, /^Astronaut number \d+ rides a horse\.$/);
  assert.equal(json(library, 0, 'describe', files[0]).description, 'my own words');
  assert.equal((await add(0)).described, 0);
  assert.equal(asked, 0, 'nothing is asked twice');
});

test('failing, slow and malformed answers: retried, named, gone on with', async () => {
  configure('retries = 2\nprompt = "second"');  // another prompt is another question
  const bad = { 2: a => a(500, 'oops'), 4: a => a(429, '', { 'retry-after': '1' }), 6: a => a(200, 'no json'), 7: a => a(200, says('')) };
  respond = (_, answer, n) => (bad[n] ?? (a => a(200, says('a second look'))))(answer);
  const words = await add(3);
  assert.equal(words.described, 9, 'two were retried, two were of no use');
  assert.equal(words.failed, 2);
  assert.equal(words.stderr.match(/^failed: .*\.png: /gm).length, 2);
  respond = (_, answer) => answer(200, says('a third look'));
  assert.equal((await add(0)).described, 2);
});

test('an endpoint that is slow, down or wrongly set up stops neither indexing nor search', async () => {
  configure('retries = 0\ntimeout_seconds = 0.3\nprompt = "slow"');
  respond = () => {};  // never
  let words = await add(0);
  assert.equal(words.described, 0);
  assert.ok(asked <= 4, `asked ${asked} times`);
  assert.match(words.left_out[0], /not all pictures are described, the next `mimeme add` goes on: .*(time|slow)/i);

  configure('retries = 0\nprompt = "down"', 'http://127.0.0.1:9/v1');
  fs.copyFileSync('/usr/share/tuxpaint/stamps/animals/birds/vulture.png', path.join(pictures, 'new vulture.png'));
  words = await add(0);
  assert.match(words.left_out[0], /connect/i);
  assert.equal(path.basename(json(library, 0, 'search', 'new vulture').hits[0].paths[0]), 'new vulture.png');
  assert.equal(json(library, 0, 'similar', path.join(pictures, 'new vulture.png'), '--limit', '1').hits[0].paths.length, 1);

  configure('prompt = "denied"');
  respond = (_, answer) => answer(401, '{"error":{"message":"bad key"}}');
  words = await add(0);
  assert.ok(asked <= 2);
  assert.match(words.left_out[0], /key/);
  assert.doesNotMatch(JSON.stringify(words), /secret/);

  configure('timeout = 3');
  const wrong = mimeme(library, 'add');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /mimeme\.toml:4: .*timeout/);
});

test('Ctrl-C in the middle keeps what was answered', async () => {
  configure('prompt = "interrupted"');
  respond = (_, answer, n) => {
    if (n === 9) child.kill('SIGINT');
    setTimeout(() => answer(200, says('kept')), 50);
  };
  asked = 0;
  const { child, ended } = start(library, 'add', '--quiet');
  const { code } = await ended;
  assert.equal(code, 3);
  const kept = json(library, 0, 'search', 'kept').hits.length;
  assert.ok(kept >= 4 && kept < 12, String(kept));
  respond = (_, answer) => answer(200, says('kept'));
  assert.equal((await add(0)).described, 12 - kept);
  assert.equal(json(library, 0, 'check').clean, true);
});
