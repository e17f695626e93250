// Every operation of the contract, on a real library with the real models: good input, bad input, and each answer
// validated. The tests stand in an order: those that only read come first.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { copy_into, files_below, json, make_meme, mimeme, pick_stamps, scratch } from '../cli/mimeme.mjs';
import { conforms, operations, schema, seen, validating } from './contract.mjs';
import { serve } from './server.mjs';

let server;
after(() => server?.end());  // before scratch() takes its library away

const folder = scratch(), library = path.join(folder, 'library'), pictures = path.join(folder, 'pictures');
const file = name => path.join(pictures, name);
const stamps = pick_stamps(60);
const FAMILY = ['NOT TODAY', 'BUT TOMORROW', 'MAYBE NEVER'];  // of one picture, with other words
const WORDS = '/api/v1/search?q=not+today&limit=1';
const UNKNOWN = [0, 99_999, '9223372036854775808', 'x', '-1'];  // what is no image's number
const HALVES = { left: '0,0,0.5,1', right: '0.5,0,0.5,1' };
const BAD_BOXES = ['0,0,1', '0,0,1,1,1', '0.5,0,0.6,1', '0,0,0,1', '-0.1,0,1,1', '0,0,2,1', 'a,b,c,d', '0,0,nan,1'];
const BAD_LIMITS = ['limit=0', 'limit=1001', 'limit=-1', 'limit=many', 'limit=1.5'];
const BAD_SHARES = ['min=-0.1', 'min=1.1', 'min=nan', 'min=most'];

let call, told;

const filled = (stamp, width, height) =>
  sharp(stamps[stamp]).flatten({ background: 'teal' }).resize(width, height, { fit: 'fill' });

before(async () => {
  copy_into(pictures, stamps.slice(0, 10));
  for (const [i, words] of FAMILY.entries()) await make_meme(file(`friend${i}.png`), stamps[0], words, 'OLD FRIEND');
  // One name in two folders; a photograph that was taken upright; one far wider than high; one that is small.
  fs.mkdirSync(file('deeper'));
  await filled(1, 900, 600).png().toFile(file('twin.png'));
  await filled(2, 500, 500).png().toFile(file('deeper/twin.png'));
  await filled(3, 1600, 1200).withMetadata({ orientation: 6 }).jpeg().toFile(file('upright.jpg'));
  await filled(4, 2400, 300).jpeg().toFile(file('wide.jpg'));
  await filled(5, 90, 60).png().toFile(file('small.png'));
  // Two halves that differ, each of which is a picture of its own.
  const side = n => sharp(stamps[n]).flatten({ background: 'white' }).resize(400, 400, { fit: 'contain' }).toBuffer();
  await sharp({ create: { width: 800, height: 400, channels: 3, background: 'white' } })
    .composite([{ input: await side(6), left: 0, top: 0 }, { input: await side(7), left: 400, top: 0 }])
    .png().toFile(file('both.png'));
  await sharp(await side(6)).toFile(file('left.png'));
  await sharp(await side(7)).toFile(file('right.png'));
  fs.writeFileSync(file('broken.jpg'), (await sharp(file('twin.png')).jpeg().toBuffer()).subarray(0, 4000));
  assert.equal(mimeme(library, 'add', pictures).code, 3);  // but for the broken one
  told = json(library, 0, 'status');
  server = await serve(library);
  call = validating(server.address);
});

// --- what the tests below ask again and again

async function ok(method, target, options) {
  const answer = await call(method, target, options);
  assert.ok(answer.status < 300, `${method} ${target} → ${answer.status} ${answer.text}`);
  return answer;
}
const get = async target => (await ok('GET', target)).json;

const CODES = {
  400: 'invalid_argument', 404: 'not_found', 405: 'method_not_allowed', 415: 'unsupported', 422: 'corrupt',
};

async function refused(status, method, target, options) {
  const answer = await call(method, target, options), sent = typeof options?.body === 'string' ? options.body : '';
  const what = `${method} ${target} ${sent} → ${answer.status} ${answer.text.slice(0, 500)}`;
  assert.equal(answer.status, status, what);
  assert.equal(answer.json.code, CODES[status], what);
  return answer;
}

async function each_refused(status, method, targets, options) {
  for (const target of targets) await refused(status, method, target, options);
}

const as_json = value => ({ body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } });
const as_picture = bytes => ({ body: bytes, headers: { 'Content-Type': 'application/octet-stream' } });

// A form with these as its parts `file`: [name, bytes], …
function as_form(...files) {
  const body = new FormData();
  for (const [name, bytes] of files) body.append('file', new Blob([bytes]), name);
  return { body };
}

async function head_is_get(target) {
  const [head, whole] = [await call('HEAD', target), await call('GET', target)];
  assert.equal(head.status, whole.status);
  assert.equal(Number(head.headers.get('content-length')), whole.bytes.length, `HEAD ${target}`);
  assert.equal(head.type, whole.type);
}

async function eventually(condition, what, seconds = 120) {
  for (const deadline = Date.now() + seconds * 1000; ; await new Promise(r => setTimeout(r, 20))) {
    const result = await condition();
    if (result) return result;
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s`);
  }
}

const image_of = async name => {
  const { images } = await get(`/api/v1/images?name=${encodeURIComponent(name)}`);
  assert.equal(images.length, 1, name);
  return images[0];
};
const count = async () => (await get('/api/v1/status')).images;
const ids = list => list.map(({ id }) => id);
const read = name => fs.readFileSync(file(name));
const falls = hits => hits.every(({ similarity }, i) => i === 0 || similarity <= hits[i - 1].similarity);
const words = Buffer.from('these are words');

async function job_of(number) {
  return (await get('/api/v1/jobs')).jobs.find(job => job.number === number);
}
const ends = number => eventually(async () => {
  const job = await job_of(number);
  return !['waiting', 'running'].includes(job.state) && job;
}, `job ${number} ends`);
const idle = () => eventually(async () =>
  (await get('/api/v1/jobs')).jobs.every(({ state }) => !['waiting', 'running'].includes(state)), 'no job runs');
const start = async kind => (await ok('POST', '/api/v1/jobs', as_json({ kind }))).json;

test('getStatus: as the command line tells it', async () => {
  // The first may grow when it is opened; of the second only the server knows.
  const { catalog_bytes, fetch_urls, ...status } = await get('/api/v1/status');
  assert.ok(catalog_bytes > 0);
  assert.equal(fetch_urls, false, 'unless mimeme.toml says so');
  assert.deepEqual({ ...status, catalog_bytes: told.catalog_bytes }, told);
});

// --- images

async function all_images(order, limit) {
  const images = [];
  for (let cursor = ''; ;) {
    const page = await get(`/api/v1/images?limit=${limit}${order}${cursor}`);
    assert.ok(page.images.length <= limit);
    images.push(...page.images);
    if (page.next === null) return images;
    assert.ok(page.images.length > 0, 'a page before the last is not empty');
    cursor = `&cursor=${page.next}`;
  }
}

test('listImages: pages hold each image once, in either order', async () => {
  for (const limit of [1, 5, 7, told.images, 1000]) {
    const oldest = await all_images('&order=oldest', limit), newest = await all_images('&order=newest', limit);
    assert.equal(oldest.length, told.images);
    assert.equal(new Set(ids(oldest)).size, told.images);
    assert.deepEqual(ids(newest), ids(oldest).reverse());
    assert.deepEqual(await all_images('', limit), newest);
    assert.ok(newest.every(({ added_at }, i) => i === 0 || added_at <= newest[i - 1].added_at));
  }
});

test('listImages: a name is the whole name of a file, in whatever folder', async () => {
  const { images } = await get('/api/v1/images?name=twin.png');
  assert.deepEqual(images.flatMap(({ paths }) => paths).sort(), [file('deeper/twin.png'), file('twin.png')]);
  for (const other of ['win.png', 'twin', 'twin.pn_', 'twin.%25', 'deeper/twin.png', 'TWIN.png'])
    assert.deepEqual(await get(`/api/v1/images?name=${other}`), { images: [], next: null }, other);
  const [twin] = images;
  assert.deepEqual(await get(`/api/v1/images?sha256=${twin.sha256.toUpperCase()}`), { images: [twin], next: null });
  assert.deepEqual(await get(`/api/v1/images?sha256=${'0'.repeat(64)}`), { images: [], next: null });
  await each_refused(400, 'GET', ['x', twin.sha256.slice(1)].map(hash => `/api/v1/images?sha256=${hash}`));
  const first = await get('/api/v1/images?name=twin.png&limit=1&order=oldest');
  const second = await get(`/api/v1/images?name=twin.png&limit=1&order=oldest&cursor=${first.next}`);
  assert.equal(new Set(ids([...first.images, ...second.images])).size, 2);
});

test('listImages: what makes no sense is refused', async () => {
  const bad = [...BAD_LIMITS, 'cursor=-1', 'cursor=x', 'order=up'];
  await each_refused(400, 'GET', bad.map(query => `/api/v1/images?${query}`));
  const { headers } = await refused(405, 'PUT', '/api/v1/images', { undocumented: true });
  assert.deepEqual(headers.get('allow').split(/, */).sort(), ['GET', 'HEAD', 'POST']);
  await head_is_get('/api/v1/images?limit=3');
});

test('getImage: all that is known of it', async () => {
  const { id } = await image_of('friend0.png'), image = await get(`/api/v1/images/${id}`);
  assert.deepEqual(image.paths, [file('friend0.png')]);
  assert.deepEqual([image.format, image.width, image.height], ['png', 640, 480]);
  assert.equal(image.bytes, read('friend0.png').length);
  assert.match(image.sha256, /^[0-9a-f]{64}$/);
  assert.match(image.added_at, /Z$/);
  assert.ok(Math.abs(Date.now() - Date.parse(image.added_at)) < 3_600_000, image.added_at);
  assert.deepEqual([image.category, image.suggested_category, image.described_by], ['', '', 'labels']);
  assert.match(image.lines.map(({ text }) => text).join(' '), /NOT TODAY.*OLD FRIEND/);
  for (const [x, y] of image.lines[0].corners) assert.ok(x >= 0 && x <= 640 && y >= 0 && y <= 480);
  const upright = await image_of('upright.jpg');
  assert.deepEqual([upright.width, upright.height], [1200, 1600]);
  await head_is_get(`/api/v1/images/${id}`);
});

test('getImage: what is not there', async () => {
  await each_refused(404, 'GET', UNKNOWN.map(id => `/api/v1/images/${id}`));
  const { headers } = await refused(405, 'POST', '/api/v1/images/1', { undocumented: true });
  assert.deepEqual(headers.get('allow').split(/, */).sort(), ['DELETE', 'GET', 'HEAD', 'PATCH']);
  for (const target of ['/api/v1/images/1/nothing', '/api/v1/nothing', '/api/v2/images', '/api', '/nothing.txt'])
    await refused(404, 'GET', target, { undocumented: true });
});

// Answers a second time only if it has to.
async function is_kept(target) {
  const { headers } = await ok('GET', target), etag = headers.get('etag');
  assert.match(etag, /^"[^"]+"$/);
  assert.match(headers.get('cache-control'), /immutable/);
  for (const known of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
    const again = await call('GET', target, { headers: { 'If-None-Match': known } });
    assert.equal(again.status, 304, `If-None-Match: ${known}`);
    assert.equal(again.headers.get('etag'), etag);
  }
  await ok('GET', target, { headers: { 'If-None-Match': '"other"' } });
  await head_is_get(target);
  return etag;
}

test('getOriginal: the file, once', async () => {
  for (const [name, type] of [['friend0.png', 'image/png'], ['wide.jpg', 'image/jpeg']]) {
    const target = `/api/v1/images/${(await image_of(name)).id}/original`, original = await ok('GET', target);
    assert.equal(original.type, type);
    assert.ok(original.bytes.equals(read(name)));
    await is_kept(target);
  }
  await each_refused(404, 'GET', UNKNOWN.map(id => `/api/v1/images/${id}/original`));
});

async function webp(target, width, height) {
  const { bytes } = await ok('GET', target);
  assert.equal(bytes.toString('latin1', 0, 4) + bytes.toString('latin1', 8, 12), 'RIFFWEBP');
  const picture = await sharp(bytes).metadata();
  assert.deepEqual([picture.width, picture.height], [width, height], target);
  return bytes;
}

test('getThumbnail: three sizes of WebP, never larger than the picture', async () => {
  const thumbnail = async name => `/api/v1/images/${(await image_of(name)).id}/thumbnail`;
  const upright = await thumbnail('upright.jpg'), etags = new Set();
  for (const [size, width] of [[256, 192], [512, 384], [1024, 768]]) {
    await webp(`${upright}?size=${size}`, width, size);
    etags.add(await is_kept(`${upright}?size=${size}`));
  }
  assert.equal(etags.size, 3, 'each size has a name of its own');
  assert.ok((await ok('GET', upright)).bytes.equals((await ok('GET', `${upright}?size=512`)).bytes));
  const wide = await thumbnail('wide.jpg'), small = await thumbnail('small.png');
  for (const size of [256, 512, 1024]) {
    await webp(`${wide}?size=${size}`, size, size / 8);
    await webp(`${small}?size=${size}`, 90, 60);
  }
});

test('getThumbnail: looks like the picture', async () => {
  const { id } = await image_of('friend0.png');
  const bytes = await webp(`/api/v1/images/${id}/thumbnail?size=256`, 256, 192);
  const [a, b] = await Promise.all([bytes, read('friend0.png')].map(picture =>
    sharp(picture).removeAlpha().resize(16, 16, { fit: 'fill' }).raw().toBuffer()));
  assert.ok(a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length < 10);
});

test('getThumbnail: no other size, no other image', async () => {
  const bad = ['size=300', 'size=0', 'size=-256', 'size=big', 'size=2048'];
  await each_refused(400, 'GET', bad.map(query => `/api/v1/images/1/thumbnail?${query}`));
  await each_refused(404, 'GET', UNKNOWN.map(id => `/api/v1/images/${id}/thumbnail`));
});

// --- search

test('similarToImage: nearest first, without itself', async () => {
  const { id } = await image_of('friend0.png'), target = `/api/v1/images/${id}/similar`;
  const { hits } = await get(`${target}?limit=1000`);
  assert.equal(hits.length, told.images - 1);
  assert.ok(falls(hits) && !ids(hits).includes(id));
  assert.match(hits[0].paths[0], /friend\d\.png$/);
  assert.deepEqual((await get(`${target}?limit=2`)).hits, hits.slice(0, 2));
  const least = hits[4].similarity, near = (await get(`${target}?limit=1000&min=${least}`)).hits;
  assert.deepEqual(ids(near), ids(hits.filter(({ similarity }) => similarity >= least)));
  assert.deepEqual((await get(`${target}?min=1`)).hits, []);
  await head_is_get(`${target}?limit=2`);
});

test('similarToImage: by a part of it', async () => {
  const target = `/api/v1/images/${(await image_of('both.png')).id}/similar`;
  for (const [name, box] of Object.entries(HALVES))
    assert.match((await get(`${target}?limit=1&box=${box}`)).hits[0].paths[0], new RegExp(`/${name}.png$`), name);
  const [whole, boxed] = [await get(target), await get(`${target}?box=0,0,1,1`)];
  const halves = ({ hits }) => ids(hits).slice(0, 2).sort();  // both are wholly in it
  assert.deepEqual(halves(boxed), halves(whole));
});

test('similarToImage: what makes no sense is refused', async () => {
  const bad = [...BAD_LIMITS, ...BAD_SHARES, ...BAD_BOXES.map(box => `box=${box}`)];
  await each_refused(400, 'GET', bad.map(query => `/api/v1/images/1/similar?${query}`));
  await each_refused(404, 'GET', UNKNOWN.map(id => `/api/v1/images/${id}/similar`));
});

test('similarToPicture: an edited copy finds the original, and nothing is kept', async () => {
  const edited = await sharp(read('friend1.png')).resize(400).jpeg({ quality: 60 }).toBuffer();
  const { json: { hits } } = await ok('POST', '/api/v1/similar?limit=5', as_picture(edited));
  assert.equal(hits.length, 5);
  assert.ok(falls(hits));
  assert.match(hits[0].paths[0], /friend1\.png$/);
  const typed = { body: edited, headers: { 'Content-Type': 'image/jpeg' } };
  assert.deepEqual((await ok('POST', '/api/v1/similar?limit=5', typed)).json.hits, hits);
  for (const [name, box] of Object.entries(HALVES)) {
    const found = await ok('POST', `/api/v1/similar?limit=5&box=${box}`, as_picture(read('both.png')));
    assert.match(found.json.hits[0].paths[0], new RegExp(`/${name}.png$`));
    assert.equal(found.json.hits[0].box, undefined, 'all of it');
    const both = found.json.hits.find(({ paths }) => paths[0].endsWith('/both.png'));
    box.split(',').forEach((share, i) => assert.ok(Math.abs(both.box[i] - share) < 0.05, `${both.box} is ${name}`));
  }
  assert.equal(await count(), told.images);
});

test('similarToPicture: what is no picture, or makes no sense, is refused', async () => {
  const target = '/api/v1/similar';
  await refused(415, 'POST', target, as_picture(words));
  await refused(422, 'POST', target, as_picture(read('broken.jpg')));
  await refused(415, 'POST', target, as_picture(''));
  const bad = [...BAD_LIMITS, ...BAD_SHARES, ...BAD_BOXES.map(box => `box=${box}`)];
  await each_refused(400, 'POST', bad.map(query => `${target}?${query}`), as_picture(read('small.png')));
  await refused(405, 'GET', target, { undocumented: true });
});

const add_query = async bytes => (await ok('POST', '/api/v1/queries', as_picture(bytes))).json;

test('addQueryPicture: a picture has one name, and is known if the library has it', async () => {
  const fresh = await sharp(read('friend0.png')).resize(300).jpeg().toBuffer();
  const query = await add_query(fresh);
  assert.deepEqual([query.image, query.width, query.height], [null, 300, 225]);
  assert.equal((await add_query(fresh)).name, query.name);
  const known = await add_query(read('friend0.png'));
  assert.equal(known.image, (await image_of('friend0.png')).id);
  assert.notEqual(known.name, query.name);
  assert.equal(await count(), told.images);

  await refused(415, 'POST', '/api/v1/queries', as_picture(words));
  await refused(415, 'POST', '/api/v1/queries', as_picture(''));
  await refused(422, 'POST', '/api/v1/queries', as_picture(read('broken.jpg')));
  await refused(405, 'GET', '/api/v1/queries', { undocumented: true });
});

test('getQueryThumbnail: of a query picture that is still remembered', async () => {
  const { name } = await add_query(await sharp(read('twin.png')).resize(600, 400).jpeg().toBuffer());
  await webp(`/api/v1/queries/${name}/thumbnail`, 256, 171);
  await is_kept(`/api/v1/queries/${name}/thumbnail`);
  for (const other of ['0'.repeat(32), 'x', name.slice(1), `${name}0`, name.toUpperCase().replace(/[0-9]/g, 'A')])
    await refused(404, 'GET', `/api/v1/queries/${other}/thumbnail`);
});

const search = async (query, limit = 1000) => (await get(`/api/v1/search?limit=${limit}&${query}`)).hits;

test('search: by words, with the reason', async () => {
  const hits = await search('q=not+today');
  assert.deepEqual(hits[0].paths, [file('friend0.png')]);
  assert.ok(falls(hits) && hits[0].why.text > 0);
  const match = hits[0].why.matches.find(({ field }) => field === 'says');
  const { context, begin, end } = match;
  assert.equal(Buffer.from(context).subarray(begin, end).toString(), match.match);
  assert.equal(match.corners.length, 4);
  assert.equal((await search('q=old+friend', 2)).length, 2);
  assert.ok((await search('q=old+friend&min=0.5')).every(({ similarity }) => similarity >= 0.5));
  assert.deepEqual(await search('q=zzyzx&min=0.9'), []);
  assert.deepEqual(ids(await search('q=%22old+friend%22+-today')).filter(id => id === hits[0].id), []);
  await head_is_get(WORDS);
});

test('search: by pictures, of the library and sent', async () => {
  const { id } = await image_of('friend0.png');
  const hits = await search(`like=${id}`);
  assert.match(hits[0].paths[0], /friend\d\.png$/);
  assert.ok(falls(hits) && hits[0].why.like > 0.5);
  const { name } = await add_query(await sharp(read('left.png')).resize(300).jpeg().toBuffer());
  const same = (await search(`like=${name}`)).filter(hit => hit.relation === 'same_picture').map(hit => path.basename(hit.paths[0]));
  assert.ok(same.includes('left.png'), `${same}`);  // the stamp that it was made of is too
  assert.ok((await search(`q=never&like=${name}`)).every(hit => hit.relation === undefined), 'only of a picture alone');
  for (const [half, box] of Object.entries(HALVES)) {
    const whole = (await image_of('both.png')).id;
    const [first] = (await search(`like=${whole}&box=${box}`)).filter(hit => hit.id !== whole);
    assert.match(first.paths[0], new RegExp(`/${half}.png$`), half);
  }
});

test('search: several at once, each with its weight', async () => {
  // Copies, so that each of the pictures asked for is there to be found.
  const copy = async name => (await add_query(await sharp(read(name)).resize(300).jpeg().toBuffer())).name;
  const [friend, left, right, both] = await Promise.all(['friend1.png', 'left.png', 'right.png', 'both.png'].map(copy));
  const names = async query => (await search(query)).map(({ paths }) => path.basename(paths[0]));
  const first = async query => (await names(query))[0];
  const rank = async (query, name) => {
    const all = await names(query);
    return all.includes(name) ? all.indexOf(name) : Infinity;
  };
  // Words choose among pictures that look alike.
  assert.equal(await first(`q=tomorrow&like=${friend}`), 'friend1.png');
  assert.equal(await first(`q=never&weight=5&like=${friend}`), 'friend2.png');
  // What weighs more is nearer the top; a weight belongs to what is before it.
  assert.equal(await first(`like=${left}&weight=5&like=${right}`), 'left.png');
  assert.equal(await first(`like=${left}&like=${right}&weight=5`), 'right.png');
  assert.deepEqual(await names(`like=${left}&weight=2`), await names(`like=${left}`));
  assert.equal(await first(`like=${left}&weight=0&like=${right}`), 'right.png');
  // The unlike sinks.
  assert.ok(await rank(`like=${both}&like=${left}&weight=-1`, 'left.png') > await rank(`like=${both}`, 'left.png'));
  assert.notEqual(await first('q=old+friend&q=today&weight=-1'), 'friend0.png');
  assert.deepEqual(await search(`like=${left}&weight=-1`), []);
  assert.deepEqual(await search('q=friend&weight=-1'), []);
  // The box of one picture is not that of another.
  assert.equal(await first(`like=${both}&box=${HALVES.right}&like=${right}`), 'right.png');
});

test('search: what makes no sense is refused', async () => {
  const bad = ['', 'limit=3', 'q=width%3Ewide', 'like=x', 'like=-1',
    ...['11', '-11', 'x', 'nan'].map(weight => `q=friend&weight=${weight}`),
    // What belongs to what is before it, with nothing before it; the box of a word.
    Array(17).fill('q=friend').join('&'), 'weight=1', 'weight=1&q=friend', `box=${HALVES.left}&like=1`, `q=friend&box=${HALVES.left}`,
    ...BAD_BOXES.map(box => `like=1&box=${box}`), ...[...BAD_LIMITS, ...BAD_SHARES].map(query => `q=friend&${query}`)];
  await each_refused(400, 'GET', bad.map(query => `/api/v1/search?${query}`));
  await each_refused(404, 'GET', ['99999', '0'.repeat(32)].map(like => `/api/v1/search?like=${like}`));
  await refused(405, 'POST', '/api/v1/search', { undocumented: true });
});

// --- edits and families

const edit = (id, value) => ok('PATCH', `/api/v1/images/${id}`, as_json(value));

test('editImage: search knows it at once, and null takes it back', async () => {
  const { id } = await image_of('friend0.png'), before_it = await get(`/api/v1/images/${id}`);
  const described = (await edit(id, { description: 'a walrus in a hat' })).json;
  assert.deepEqual([described.description, described.described_by], ['a walrus in a hat', 'user']);
  assert.deepEqual(await get(`/api/v1/images/${id}`), described);
  assert.equal((await search('q=walrus'))[0].id, id);
  assert.equal((await search('q=walrus'))[0].description, 'a walrus in a hat');
  assert.equal((await get('/api/v1/status')).described_by_user, told.described_by_user + 1);
  await edit(id, { description: null });
  assert.deepEqual(await get(`/api/v1/images/${id}`), before_it);
  assert.deepEqual((await search('q=walrus')).filter(({ why }) => why.text > 0), []);
});

test('editImage: what makes no sense is refused, and nothing of it done', async () => {
  const target = '/api/v1/images/1', was = await get(target);
  const bad = [{}, [], 1, null, { text: 'x' }, { description: 1 }, { category: ['x'] }, { description: 'x', id: 2 }];
  for (const value of bad) await refused(400, 'PATCH', target, as_json(value));
  for (const body of ['', '{', '{"description": "x"', 'description=x'])
    await refused(400, 'PATCH', target, { body, headers: { 'Content-Type': 'application/json' } });
  assert.deepEqual(await get(target), was);
  await each_refused(404, 'PATCH', UNKNOWN.map(id => `/api/v1/images/${id}`), as_json({ description: 'x' }));
});

async function all_suggestions(limit) {
  const suggestions = [];
  for (let cursor = ''; ;) {
    const page = await get(`/api/v1/suggestions?limit=${limit}${cursor}`);
    assert.ok(page.suggestions.length <= limit);
    suggestions.push(...page.suggestions);
    if (page.next === null) return suggestions;
    cursor = `&cursor=${page.next}`;
  }
}
const answer_them = value => ok('POST', '/api/v1/suggestions', as_json(value));

test('listSuggestions: what looks like an image whose category is named, a page at a time', async () => {
  assert.deepEqual(await get('/api/v1/suggestions'), { suggestions: [], next: null });
  const { id } = await image_of('friend0.png');
  assert.equal((await edit(id, { category: 'old friends' })).json.category, 'old friends');
  const suggestions = await all_suggestions(1000);
  const names = suggestions.map(({ image }) => path.basename(image.paths[0])).filter(name => name.startsWith('friend'));
  assert.deepEqual(names.sort(), ['friend1.png', 'friend2.png']);
  assert.ok(suggestions.every(({ category }) => category === 'old friends'));
  assert.deepEqual(await all_suggestions(1), suggestions);
  assert.deepEqual((await get('/api/v1/suggestions?limit=1000&category=old+friends')).suggestions, suggestions);
  assert.deepEqual(await get('/api/v1/suggestions?category=Old+friends'), { suggestions: [], next: null });
  const one = await get(`/api/v1/images/${suggestions[0].image.id}`);
  assert.deepEqual([one.category, one.suggested_category], ['', 'old friends']);
  await each_refused(400, 'GET', [...BAD_LIMITS, 'cursor=x', 'cursor=-1'].map(query => `/api/v1/suggestions?${query}`));
  await head_is_get('/api/v1/suggestions');
});

const family = async name => (await get('/api/v1/families')).families.find(f => f.name === name);

test('listFamilies: how many there are and wait, with covers', async () => {
  await edit((await image_of('wide.jpg')).id, { category: 'a wide one' });
  const { families } = await get('/api/v1/families'), waiting = (await all_suggestions(1000)).length;
  assert.deepEqual(families.map(({ name }) => name), ['a wide one', 'old friends']);
  const friends = families[1];
  assert.equal(friends.images, 1);
  assert.equal(families[0].suggested + friends.suggested, waiting);
  assert.ok(friends.cover.includes((await image_of('friend0.png')).id));
  for (const id of friends.cover) await get(`/api/v1/images/${id}`);
  await head_is_get('/api/v1/families');
});

test('answerSuggestions: accepts one, refuses one, answers all of a category', async () => {
  const [one, two] = [(await image_of('friend1.png')).id, (await image_of('friend2.png')).id];
  assert.deepEqual((await answer_them({ answer: 'accept', images: [one] })).json, { answered: 1 });
  assert.equal((await get(`/api/v1/images/${one}`)).category, 'old friends');
  assert.deepEqual((await answer_them({ answer: 'refuse', images: [two] })).json, { answered: 1 });
  const after_it = await get(`/api/v1/images/${two}`);
  assert.deepEqual([after_it.category, after_it.suggested_category], ['', '']);
  assert.equal((await family('old friends')).images, 2);

  // What was answered is not asked again, and answering nothing is no error.
  const waiting = (await all_suggestions(1000)).filter(({ category }) => category === 'old friends');
  assert.ok(!waiting.some(({ image }) => [one, two].includes(image.id)));
  assert.deepEqual((await answer_them({ answer: 'accept', images: [] })).json, { answered: 0 });

  const { answered } = (await answer_them({ answer: 'accept', category: 'old friends' })).json;
  assert.equal(answered, waiting.length);
  assert.deepEqual([(await family('old friends')).images, (await family('old friends')).suggested], [2 + answered, 0]);
  assert.ok((await search('q=category%3A%22old+friends%22')).length >= 2);
  await answer_them({ answer: 'refuse', category: 'a wide one' });
  assert.deepEqual(await all_suggestions(1000), []);
});

test('answerSuggestions: what makes no sense is refused', async () => {
  const accept = rest => ({ answer: 'accept', ...rest });
  const bad = [{}, [], null, accept(), { images: [1] }, { answer: 'perhaps', images: [1] }, accept({ images: 1 }),
    accept({ images: ['x'] }), accept({ images: [1], category: 'x' }), accept({ category: 1 }),
    accept({ images: [1], more: true })];
  for (const value of bad) await refused(400, 'POST', '/api/v1/suggestions', as_json(value));
  await refused(405, 'DELETE', '/api/v1/suggestions', { undocumented: true });
});

// --- uploads

const upload = async (...files) => (await ok('POST', '/api/v1/images', as_form(...files))).json.files;
const outcomes = files => files.map(({ outcome }) => outcome);
const kept = () => files_below(path.join(library, 'uploads'));
// Some stamps are the same picture: each is given a width of its own.
const fresh = stamp => filled(stamp, 500 + stamp, 300).jpeg().toBuffer();

test('uploadImages: a new picture is there and is found, even when its file is elsewhere', async () => {
  const bytes = await fresh(20), was = await count(), name = 'Übermut, größer.jpg';
  const [added] = await upload([name, bytes]);
  assert.deepEqual([added.name, added.outcome, added.problem], [name, 'added', null]);
  const { id } = added.image;
  assert.deepEqual([added.image.format, added.image.width, added.image.height], ['jpeg', 520, 300]);
  assert.equal(await count(), was + 1);
  assert.equal(kept(), 1);
  assert.ok((await ok('GET', `/api/v1/images/${id}/original`)).bytes.equals(bytes));
  await webp(`/api/v1/images/${id}/thumbnail?size=256`, 256, 148);
  const edited = await sharp(bytes).resize(250).png().toBuffer();
  assert.equal((await ok('POST', '/api/v1/similar?limit=1', as_picture(edited))).json.hits[0].id, id);
  assert.equal((await get('/api/v1/images?limit=1')).images[0].id, id);  // the newest
});

test('uploadImages: what the library has is not kept twice', async () => {
  const was = await count(), files = kept();
  const [known] = await upload(['again.jpg', await fresh(20)]);
  assert.deepEqual([known.outcome, known.image.bytes], ['known', (await fresh(20)).length]);
  const [indexed] = await upload(['any name.png', read('friend0.png')]);
  assert.deepEqual([indexed.outcome, indexed.image.id], ['known', (await image_of('friend0.png')).id]);
  const [first, second] = await upload(['a.jpg', await fresh(21)], ['b.jpg', await fresh(21)]);
  assert.deepEqual([first.outcome, second.outcome, second.image.id], ['added', 'known', first.image.id]);
  assert.deepEqual([await count(), kept()], [was + 1, files + 1]);
});

test('uploadImages: pictures that cannot be read do not keep the others out', async () => {
  const was = await count(), files = kept();
  const sent = [['words.png', words], ['good.jpg', await fresh(22)], ['broken.jpg', read('broken.jpg')],
    ['empty.jpg', ''], ['other.jpg', await fresh(23)]];
  const answered = await upload(...sent);
  assert.deepEqual(answered.map(({ name }) => name), sent.map(([name]) => name));
  assert.deepEqual(outcomes(answered), ['failed', 'added', 'failed', 'failed', 'added']);
  const problems = answered.map(({ problem }) => problem?.code ?? null);
  assert.deepEqual(problems, ['unsupported', null, 'corrupt', 'unsupported', null]);
  assert.deepEqual(answered.map(({ problem }) => problem?.status ?? null), [415, null, 422, 415, null]);
  assert.ok(answered.every(({ outcome, image }) => (outcome === 'failed') === (image === null)));
  assert.deepEqual([await count(), kept()], [was + 2, files + 2]);
});

test('uploadImages: a name leads nowhere outside the library', async () => {
  const names = ['../../outside.jpg', '/tmp/outside.jpg', '..', '.', 'a\\b.jpg', 'x'.repeat(300), '%2e%2e%2fy.jpg'];
  for (const [i, name] of names.entries()) {
    const [{ outcome, image }] = await upload([name, await fresh(24 + i)]);
    assert.equal(outcome, 'added', name);
    for (const where of image.paths) assert.ok(where.startsWith(path.join(library, 'uploads') + path.sep), where);
  }
  assert.ok(!fs.existsSync(path.join(folder, 'outside.jpg')) && !fs.existsSync('/tmp/outside.jpg'));
});

test('uploadImages: many at once are each taken once', async () => {
  const was = await count();
  const [one, two] = [await fresh(40), await fresh(41)];
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => upload([`${i}.jpg`, i % 2 ? one : two])));
  assert.equal(answers.flat().filter(({ outcome }) => outcome === 'added').length, 2);
  assert.equal(new Set(answers.flat().map(({ image }) => image.id)).size, 2);
  assert.equal(await count(), was + 2);
});

test('uploadImages: what is no form of files is refused', async () => {
  const target = '/api/v1/images', form = new FormData();
  form.append('other', 'x');
  await refused(400, 'POST', target, { body: form });
  await refused(400, 'POST', target, { body: new FormData() });
  const bodies = ['', 'x', '--x\r\nno end', '--x\r\n\r\nno name\r\n--x--\r\n'];
  const bad = [...bodies.map(bytes => ['; boundary=x', bytes]), ['', 'x'], ['; boundary=', 'x'],
    [`; boundary=${'x'.repeat(1000)}`, 'x']];
  for (const [boundary, body] of bad)
    await refused(400, 'POST', target, { body, headers: { 'Content-Type': `multipart/form-data${boundary}` } });
  for (const type of ['application/json', 'image/png', 'text/plain'])
    await refused(415, 'POST', target, { body: read('small.png'), headers: { 'Content-Type': type } });
});

test('deleteImage: the library has forgotten it, and the copy of an upload goes', async () => {
  const was = await count(), files = kept();
  const [{ image }] = await upload(['short.jpg', await fresh(45)]);
  assert.equal(kept(), files + 1);
  for (const id of [image.id, (await image_of('small.png')).id]) {
    await ok('DELETE', `/api/v1/images/${id}`);
    await each_refused(404, 'GET', ['', '/original', '/thumbnail', '/similar'].map(x => `/api/v1/images/${id}${x}`));
    await refused(404, 'DELETE', `/api/v1/images/${id}`);
    await refused(404, 'GET', `/api/v1/search?like=${id}`);
    assert.ok(!ids(await search('like=1')).includes(id));
  }
  assert.deepEqual([await count(), kept()], [was - 1, files]);
  assert.ok(fs.existsSync(file('small.png')));
  await each_refused(404, 'DELETE', UNKNOWN.map(id => `/api/v1/images/${id}`));
  const [again] = await upload(['short.jpg', await fresh(45)]);
  assert.equal(again.outcome, 'added');
  assert.ok(again.image.id > image.id, 'a number is not used again');
});

// --- the library

test('startJob: a scan finds what came and what went', async () => {
  await idle();
  const was = await count();
  await filled(50, 400, 400).png().toFile(file('came.png'));
  fs.rmSync(file('right.png'));
  const job = await start('scan');
  assert.equal(job.kind, 'scan');
  const done = await ends(job.number);
  assert.deepEqual([done.state, done.error], ['done', '']);
  assert.ok(done.started_at <= done.ended_at);
  assert.ok((await get('/api/v1/images?name=came.png')).images.length === 1);
  assert.deepEqual((await get('/api/v1/images?name=right.png')).images, []);
  assert.ok(Math.abs(await count() - was) <= 1);  // small.png may have come back: it lies in a folder that was added
  for (const kind of ['words', 'pca']) {
    const { number } = await start(kind);
    assert.ok(['done', 'failed'].includes((await ends(number)).state), kind);
  }
});

test('startJob: what makes no sense is refused', async () => {
  for (const value of [{}, { kind: 'dance' }, { kind: 1 }, { kind: 'scan', now: true }, [], null])
    await refused(400, 'POST', '/api/v1/jobs', as_json(value));
});

test('listDuplicates: an edited copy is in a group with its original, until it is told apart', async () => {
  await idle();
  const listed = async (query = '') => get(`/api/v1/duplicates${query}`);
  const compared = async () => {
    const { number } = await start('duplicates');
    assert.equal((await ends(number)).state, 'done');
    const told = await listed();
    assert.equal(told.waiting, 0);
    return told;
  };
  const original = await image_of('friend0.png');
  const [{ image: copy }] = await upload(['friend-copy.jpg',
    await sharp(read('friend0.png')).resize(400).jpeg({ quality: 60 }).toBuffer()]);
  await idle();  // its words, and its details with them
  const of_original = ({ groups }) => groups.find(({ images }) => ids(images).includes(original.id));
  const told = await compared();
  assert.equal(told.total, told.groups.length);
  const group = of_original(told);
  assert.deepEqual(ids(group.images), [original.id, copy.id]);
  assert.equal(group.best, original.id);
  const page = await listed('?limit=1');
  assert.equal(page.groups.length, 1);
  assert.equal(page.total, told.total);
  if (page.next !== null) assert.ok((await listed(`?cursor=${page.next}`)).groups.length === told.total - 1);
  await head_is_get('/api/v1/duplicates');

  const tell = (image, others, same) => call('POST', '/api/v1/duplicates', as_json({ image, others, same }));
  assert.equal((await tell(copy.id, [original.id], false)).status, 204);
  assert.equal(of_original(await listed()), undefined);
  assert.equal((await tell(original.id, [copy.id], true)).status, 204);
  assert.ok(of_original(await listed()));
  await ok('DELETE', `/api/v1/images/${copy.id}`);
  assert.equal(of_original(await listed()), undefined);
  await refused(404, 'POST', '/api/v1/duplicates', as_json({ image: original.id, others: [copy.id], same: false }));
});

test('tellDuplicates, listDuplicates: what makes no sense is refused', async () => {
  for (const value of [{}, { image: 1 }, { image: 1, others: 2, same: false }, { image: 1, others: ['2'], same: false },
    { image: 1, others: [2], same: 'no' }, { image: 1, others: [1], same: false },
    { image: 1, others: [2], same: false, now: true }, [], null])
    await refused(400, 'POST', '/api/v1/duplicates', as_json(value));
  await each_refused(400, 'GET', [...BAD_LIMITS, 'cursor=x', 'cursor=-1'].map(q => `/api/v1/duplicates?${q}`));
});

test('listUnnamed, nameFamily: memes of one template are a group until they are named as one', async () => {
  await idle();
  const memes = [];
  for (const [i, words] of ['ONE', 'TWO', 'THREE'].entries()) {
    await make_meme(path.join(folder, `template${i}.png`), stamps[40], words, 'OF A KIND');
    memes.push([`template${i}.png`, fs.readFileSync(path.join(folder, `template${i}.png`))]);
  }
  const family = (await upload(...memes)).map(({ image }) => image.id).sort((a, b) => a - b);
  await idle();  // their words, and their details with them
  assert.ok((await get('/api/v1/families/unnamed')).waiting >= 3);
  assert.equal((await ends((await start('duplicates')).number)).state, 'done');

  const listed = async (query = '') => get(`/api/v1/families/unnamed${query}`);
  const of_them = ({ groups }) => groups.find(({ images }) => ids(images).includes(family[0]));
  const told = await listed();
  assert.equal(told.waiting, 0);
  assert.equal(told.total, told.groups.length);
  assert.deepEqual(ids(of_them(told).images), family);
  assert.equal(of_them(told).name, '');
  const page = await listed('?limit=1');
  assert.deepEqual([page.groups.length, page.total], [1, told.total]);
  if (page.next !== null) assert.equal((await listed(`?cursor=${page.next}`)).groups.length, told.total - 1);
  await head_is_get('/api/v1/families/unnamed');

  await edit(family[1], { category: 'one of a kind' });
  const proposed = of_them(await listed());
  assert.equal(proposed.name, 'one of a kind');
  assert.deepEqual(proposed.images.map(({ category }) => category), ['', 'one of a kind', '']);
  const name = value => ok('POST', '/api/v1/families/unnamed', as_json(value));
  const named = await name({ images: [...family, 99_999], name: ' a kind ' });
  assert.deepEqual(named.json, { named: [family[0], family[2]] });
  assert.equal(of_them(await listed()), undefined);
  const categories = [];
  for (const id of family) categories.push((await get(`/api/v1/images/${id}`)).category);
  assert.deepEqual(categories, ['a kind', 'one of a kind', 'a kind']);
  assert.deepEqual((await name({ images: family, name: 'again' })).json, { named: [] });
  assert.deepEqual((await name({ images: [], name: 'nobody' })).json, { named: [] });
});

test('nameFamily, listUnnamed: what makes no sense is refused', async () => {
  for (const value of [{}, { images: [1] }, { name: 'x' }, { images: 1, name: 'x' }, { images: ['1'], name: 'x' },
    { images: [1], name: 1 }, { images: [1], name: '' }, { images: [1], name: ' ' }, { images: [1], name: 'x', now: true }, [], null])
    await refused(400, 'POST', '/api/v1/families/unnamed', as_json(value));
  await each_refused(400, 'GET', [...BAD_LIMITS, 'cursor=x', 'cursor=-1'].map(q => `/api/v1/families/unnamed?${q}`));
});

test('listJobs: newest first, each with its end', async () => {
  await idle();
  const { jobs } = await get('/api/v1/jobs');
  assert.ok(jobs.length >= 3);
  assert.ok(jobs.every(({ number }, i) => i === 0 || number < jobs[i - 1].number));
  for (const job of jobs) assert.ok(job.started_at !== null && job.ended_at !== null, JSON.stringify(job));
  await head_is_get('/api/v1/jobs');
});

// Work for some seconds: pictures that no folder had.
let works = 0;
async function much_work() {
  await idle();
  const into = file(`work${works++}`);
  fs.mkdirSync(into);
  const make = i => filled(i, 300 + 50 * works + i, 300).png().toFile(path.join(into, `${i}.png`));
  await Promise.all(Array.from({ length: 40 }, (_, i) => make(i)));
  return (await get('/api/v1/status')).images + 40;
}

test('cancelJob: it ends early, and the next of its kind goes on there', async () => {
  const whole = await much_work();
  const first = await start('scan'), second = await start('scan'), third = await start('scan');
  if (second.state === 'waiting') assert.equal(third.number, second.number, 'one that waits is enough');
  if (second.number !== first.number) await ok('DELETE', `/api/v1/jobs/${second.number}`);
  const cancelled = (await ok('DELETE', `/api/v1/jobs/${first.number}`)).json;
  assert.equal(cancelled.number, first.number);
  assert.equal((await ends(first.number)).state, 'cancelled');
  await idle();
  assert.ok(await count() < whole);
  assert.equal((await ends((await start('scan')).number)).state, 'done');
  assert.equal(await count(), whole);
  for (const number of [0, 99_999, 'x', -1]) await refused(404, 'DELETE', `/api/v1/jobs/${number}`);
});

// The events of a stream, each { event, data }, as they come.
async function* events_of(stream) {
  let text = '';
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk.replaceAll('\r', '');
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const fields = { event: 'message', data: [] };
      for (const line of text.slice(0, end).split('\n')) {
        const [, name, value] = line.match(/^([^:]*)(?:: ?(.*))?$/);
        if (name === 'data') fields.data.push(value);
        else if (name) fields[name] = value;
      }
      if (fields.data.length) yield { event: fields.event, data: JSON.parse(fields.data.join('\n')) };
    }
  }
}
const LIBRARY_EVENT = { type: 'object', required: ['images'], properties: { images: { type: 'integer' } } };

test('events: a job from its beginning to its end, and how many images there are', async () => {
  const whole = await much_work();
  const { number } = await start('scan');
  const { stream, headers } = await ok('GET', '/api/v1/events');
  assert.match(headers.get('cache-control') ?? '', /no-cache|no-store/);
  const states = [], dones = [];
  let images = 0;
  for await (const { event, data } of events_of(stream)) {
    assert.ok(['job', 'library'].includes(event), event);
    conforms(data, event === 'job' ? schema('Job') : LIBRARY_EVENT, `event: ${event}`);
    if (event === 'library') images = data.images;
    if (event === 'job' && data.number === number) {
      states.push(data.state);
      dones.push(data.done);
    }
    if (states.at(-1) === 'done' && images === whole) break;  // which hangs up
    assert.ok(!['failed', 'cancelled'].includes(states.at(-1)), JSON.stringify(data));
  }
  assert.ok(['waiting', 'running'].includes(states[0]), 'first of all, what runs already');
  assert.ok(states.includes('running'));
  assert.ok(dones.some(done => done > 0), 'it gets on');
});

test('events: many listen, go without a word, and do not hold up the others', async () => {
  const streams = await Promise.all(Array.from({ length: 30 }, () => ok('GET', '/api/v1/events')));
  await Promise.all(Array.from({ length: 20 }, () => get(WORDS)));
  await Promise.all(streams.map(({ stream }) => stream.cancel()));
  await get(WORDS);
});

test('getStatus: after all that came and went, each image is searched', async () => {
  const status = await get('/api/v1/status');
  assert.deepEqual([status.embedded, status.searchable], [status.images, status.images]);
  assert.equal((await all_images('', 1000)).length, status.images);
  assert.equal(status.failed_files, 1);
  for (const root of told.folders) assert.ok(status.folders.includes(root));
  await head_is_get('/healthz');
});

test('listFailures: the broken one, with its reason', async () => {
  const { failures } = await get('/api/v1/failures');
  assert.deepEqual(failures.map(failure => failure.path), [file('broken.jpg')]);
  assert.notEqual(failures[0].error, '');
  await each_refused(400, 'GET', BAD_LIMITS.map(query => `/api/v1/failures?${query}`));
  await head_is_get('/api/v1/failures');
});

for (const [id, target] of [['health', '/healthz'], ['readiness', '/readyz']])
  test(`${id}: ok`, async () => {
    assert.deepEqual(await get(target), { status: 'ok' });
    await head_is_get(target);
    await refused(405, 'POST', target, { undocumented: true });
  });

// name{labels} → value; fails on what is not the text exposition format 0.0.4.
function exposition(text) {
  assert.ok(text.endsWith('\n'));
  const types = new Map(), samples = new Map();
  for (const line of text.split('\n').filter(Boolean)) {
    const type = line.match(/^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|untyped)$/);
    const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\]|\\["\\n])*"`;
    const sample = line.match(new RegExp(`^([a-zA-Z_:][\\w:]*)(\\{${label}(?:,${label})*,?\\})? (\\S+)( \\d+)?$`));
    if (type) {
      assert.ok(!types.has(type[1]), `twice: ${line}`);
      types.set(type[1], type[2]);
    } else if (!line.startsWith('# HELP ')) {
      assert.ok(sample, line);
      const value = Number(sample[3].replace('Inf', 'Infinity')), series = sample[1] + (sample[2] ?? '');
      assert.ok(!Number.isNaN(value) || sample[3] === 'NaN', line);
      const name = types.has(sample[1]) ? sample[1] : sample[1].replace(/_(bucket|sum|count)$/, '');
      assert.ok(types.has(name), `without a type: ${line}`);
      assert.ok(!samples.has(series), `twice: ${line}`);
      samples.set(series, { type: types.get(name), value });
    }
  }
  return samples;
}

test('metrics: the exposition format, with counters that count', async () => {
  const scrape = async () => exposition((await ok('GET', '/metrics')).text);
  assert.match((await ok('GET', '/metrics')).headers.get('content-type'), /version=0\.0\.4/);
  const was = await scrape();
  for (let i = 0; i < 5; ++i) await get(WORDS);
  await refused(404, 'GET', '/api/nothing', { undocumented: true });
  const is = await scrape();
  const growth = [...is].filter(([, { type }]) => type === 'counter').map(([name, { value }]) =>
    value - (was.get(name)?.value ?? 0));
  assert.ok(growth.some(n => n >= 5), 'no counter has grown by five');
  assert.ok(growth.every(n => n >= 0), 'a counter has fallen');
  // Whoever asks for what is not there adds no series.
  for (let i = 0; i < 50; ++i) await call('GET', `/api/nothing/${i}`, { undocumented: true });
  assert.ok((await scrape()).size <= is.size + 2);
});

test('a session: opened with a key, and ended', async () => {
  assert.deepEqual(await get('/api/v1/session'), { scope: 'admin', key: null, csrf_token: null });
  const { key } = json(library, 0, 'keys', 'create', 'alice', '--scope', 'write');
  const sign_in = body => call('POST', '/api/v1/session', { body: JSON.stringify(body) });
  for (const wrong of [{}, { key: 1 }, { key, more: 1 }]) assert.equal((await sign_in(wrong)).status, 400);
  const opened = await sign_in({ key });
  assert.equal(opened.json.key, 'alice');
  const headers = { cookie: opened.headers.get('set-cookie').split(';')[0] };
  assert.deepEqual((await ok('GET', '/api/v1/session', { headers })).json, opened.json);
  assert.equal((await ok('DELETE', '/api/v1/session', { headers })).status, 204);
  assert.equal((await ok('GET', '/api/v1/session', { headers })).json.key, null);
});

// --- of all

test('an address that cannot be read is refused everywhere', async () => {
  const names = { '{id}': '1', '{name}': '0'.repeat(32), '{number}': '1' };
  for (const { method, path: template } of operations)
    await refused(400, method, `${template.replace(/\{\w+\}/, name => names[name])}?x=%zz`);
});

test('every answer of the contract was seen', () => {
  const missing = operations.flatMap(({ id, responses }) =>
    Object.keys(responses).filter(status => !seen.get(id).has(status)).map(status => `${id} ${status}`));
  assert.deepEqual(missing, []);
});

test('it ends when it is told, with the library whole', async () => {
  const [listener] = await Promise.all([ok('GET', '/api/v1/events'), get(WORDS)]);
  assert.equal(await server.end(), 0);
  await listener.stream.cancel().catch(() => {});  // it was hung up on
  assert.equal(mimeme(library, 'check').code, 0);
});
