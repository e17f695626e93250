// KEY=… node through_proxy.mjs NAME PICTURE: asks https://NAME of the machine itself, as a browser does. Prints what it got as JSON.
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';

const [name, picture] = process.argv.slice(2);
// As a browser does that says where a request comes from by Origin alone: what is compared is Host.
const headers = { origin: `https://${name}`, authorization: `Bearer ${process.env.KEY}` };
setTimeout(() => (console.error('not done in 40 s'), process.exit(1)), 40_000);

function ask(method, path, body, more = {}) {
  const request = https.request({ host: '127.0.0.1', servername: name, rejectUnauthorized: false, method, path,
    headers: { host: name, ...headers, ...more } });
  request.end(body);
  return once(request, 'response').then(([response]) => response);
}
async function text(response) {
  let all = '';
  for await (const part of response) all += part;
  return { status: response.statusCode, type: response.headers['content-type'], text: all };
}

const page = await text(await ask('GET', '/'));
const large = await text(await ask('POST', '/api/v1/similar', Buffer.alloc(20_000_000)));
const stream = await ask('GET', '/api/v1/events');
let events = '';
const arrived = new Promise(resolve => stream.on('data', data => (events += data).includes('event:') && resolve(Date.now())));
const form = new FormData();
form.append('file', new Blob([fs.readFileSync(picture)]), 'picture.png');
const encoded = new Response(form);
const began = Date.now();
const upload = await text(await ask('POST', '/api/v1/images', Buffer.from(await encoded.arrayBuffer()),
  { 'content-type': encoded.headers.get('content-type') }));
const waited = await Promise.race([arrived.then(at => at - began), new Promise(resolve => setTimeout(resolve, 20_000, -1))]);
const other = await text(await ask('GET', '/api/v1/status', undefined, { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' }));
const stranger = await text(await ask('GET', '/api/v1/status', undefined, { authorization: '' }));
console.log(JSON.stringify({ page: page.status, large: [large.status, large.type], stream: [stream.statusCode, stream.headers['content-type']],
  event_after_ms: waited, upload: [upload.status, upload.text.slice(0, 300)], other: other.status,
  stranger: stranger.status }));
process.exit(0);
