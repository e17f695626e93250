// A folder of hostile files: every one is named with its reason, none crashes or hangs, the good ones are indexed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import sharp from 'sharp';
import { copy_into, environment, json, mimeme, pick_stamps, program, scratch } from './mimeme.mjs';

const root = scratch(), pictures = path.join(root, 'pictures'), library = path.join(root, 'library');

const chunk = (type, data) => {
  const body = Buffer.concat([Buffer.from(type), data]), out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), 8 + data.length);
  return out;
};
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
// A valid PNG header of any size, with a little data that ends far too early.
function png_header(width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header),
    chunk('IDAT', zlib.deflateSync(Buffer.alloc(1000))), chunk('IEND', Buffer.alloc(0))]);
}
// A GIF of `frames` frames of width × height, with data for one pixel.
function gif(width, height, frames) {
  const head = Buffer.from('GIF89a\0\0\0\0\x80\0\0\0\0\0\xff\xff\xff', 'latin1');
  head.writeUInt16LE(width, 6);
  head.writeUInt16LE(height, 8);
  const frame = Buffer.from('\x21\xf9\x04\x00\x01\x00\x00\x00\x2c\0\0\0\0\0\0\0\0\x00\x02\x02\x44\x01\x00', 'latin1');
  head.copy(frame, 13, 6, 10);
  return Buffer.concat([head, ...Array(frames).fill(frame), Buffer.from(';')]);
}

// Root may read anything: the program runs without that privilege, so that unreadable is unreadable.
function unprivileged(args) {
  const without = process.getuid() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--'] : [];
  const [command, ...rest] = [...without, program, ...args];
  return spawnSync(command, rest, { env: environment(library), encoding: 'utf8', timeout: 120_000 });
}

test('hostile files are survived, each named', async () => {
  const good = copy_into(pictures, pick_stamps(6));
  const photo = await sharp(good[0]).flatten({ background: 'white' }).resize(400, 400).jpeg().toBuffer();
  const put = (name, bytes) => fs.writeFileSync(path.join(pictures, name), bytes);
  const cut = bytes => bytes.subarray(0, Math.floor(bytes.length / 2));
  put('truncated.jpg', cut(photo));
  for (const format of ['png', 'webp', 'gif', 'tiff', 'avif'])
    put(`truncated.${format}`, cut(await sharp(photo).toFormat(format).toBuffer()));
  put('zero.jpg', '');
  put('text.png', 'this is not a picture\n');
  put('page.jpeg', '<!doctype html><title>not a picture</title>');
  put('vector.svg.png', '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>');
  put('document.jpg', '%PDF-1.4\n%%EOF\n');
  put('bomb.png', png_header(50_000, 50_000));
  put('canvas.gif', gif(65_535, 65_535, 1));
  put('frames.gif', gif(10, 10, 20_000));
  put('noise.jpg', Buffer.concat([photo.subarray(0, 200), Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) & 255))]));
  fs.mkdirSync(path.join(pictures, 'folder.jpg'));
  put('unreadable.jpg', photo);
  fs.chmodSync(path.join(pictures, 'unreadable.jpg'), 0);
  assert.equal(spawnSync('mkfifo', [path.join(pictures, 'fifo.jpg')]).status, 0);
  fs.symlinkSync(pictures, path.join(pictures, 'loop'));
  fs.symlinkSync('nowhere.jpg', path.join(pictures, 'dangling.jpg'));
  // Good ones, for all their looks.
  put('png-called.jpg', fs.readFileSync(good[1]));
  put('no-extension', photo);
  put('notes.txt', 'passed over in silence');
  put('bad-utf8-\u00e9.jpg', photo);
  fs.renameSync(path.join(pictures, 'bad-utf8-\u00e9.jpg'), Buffer.concat([Buffer.from(pictures + '/latin1-'), Buffer.from([0xe9]), Buffer.from('.jpg')]));

  const done = unprivileged(['--library', library, 'add', pictures, '--json']);
  assert.equal(done.signal, null, 'no crash, no hang');
  assert.equal(done.status, 3, done.stderr);
  const summary = JSON.parse(done.stdout);

  const named = Object.fromEntries(done.stderr.split('\n').filter(l => l.startsWith('failed: ')).map(line => {
    const [, file, why] = /^failed: (.*?): (.*)$/.exec(line);
    return [path.basename(file), why];
  }));
  const expected = {
    'truncated.jpg': /truncated|corrupt|damaged/, 'truncated.png': /truncated|corrupt|damaged/, 'truncated.webp': /truncated|corrupt|damaged/,
    'truncated.gif': /truncated|corrupt|damaged/, 'truncated.tiff': /truncated|corrupt|damaged/, 'truncated.avif': /truncated|corrupt|damaged/,
    'zero.jpg': /empty/, 'text.png': /not a picture/, 'page.jpeg': /not a picture/, 'vector.svg.png': /SVG/, 'document.jpg': /PDF/,
    'bomb.png': /50000×50000 pixels/, 'canvas.gif': /65535×65535 pixels/, 'frames.gif': /frames/, 'noise.jpg': /./,
    'folder.jpg': /folder|directory/, 'unreadable.jpg': /permission/i, 'fifo.jpg': /FIFO|not a regular file/i, 'dangling.jpg': /no such file|link/i,
  };
  for (const [file, why] of Object.entries(expected)) assert.match(named[file] ?? '(not named)', why, file);
  assert.deepEqual(Object.keys(named).sort(), Object.keys(expected).sort(), 'and nothing else');
  assert.equal(summary.failed, Object.keys(expected).length);
  // 6 stamps; the PNG called .jpg is one of them; photo at two paths is one image.
  assert.deepEqual([summary.embedded + summary.known, json(library, 0, 'status').images], [9, 7]);

  fs.chmodSync(path.join(pictures, 'unreadable.jpg'), 0o644);
  const again = json(library, 0, 'add', pictures);
  assert.deepEqual([again.failed, again.embedded, again.known], [0, 0, 1], 'only what changed is tried again');
  assert.equal(again.failed_before, summary.failed - 1);
  const failures = json(library, 0, 'status', '--failed').failed;
  assert.equal(failures.length, summary.failed - 1);
  assert.equal(json(library, 0, 'check').clean, true);

  put('truncated.jpg', photo);  // mended
  fs.rmSync(path.join(pictures, 'zero.jpg'));
  const mended = json(library, 0, 'add', pictures);
  assert.deepEqual([mended.known, mended.failed], [1, 0]);
  assert.equal(json(library, 0, 'status').failed_files, summary.failed - 3);
});

test('a known picture that cannot be read for a while is named and kept, whatever it is called', () => {
  const folder = path.join(root, 'locked'), other = path.join(root, 'locked-library');
  const [file] = copy_into(folder, pick_stamps(1)), plain = path.join(folder, 'plain');
  fs.copyFileSync(file, plain);
  fs.rmSync(file);
  assert.equal(json(other, 0, 'add', folder).embedded, 1);
  fs.writeFileSync(path.join(folder, 'diary'), 'no picture');
  for (const name of ['plain', 'diary']) fs.chmodSync(path.join(folder, name), 0);
  const done = unprivileged(['--library', other, 'add', folder, '--json']);
  assert.equal(done.status, 3, done.stderr);
  assert.match(done.stderr, /failed: .*plain: permission denied/);
  assert.doesNotMatch(done.stderr, /diary/, 'a file that never was a picture is nobody\'s business');
  assert.equal(json(other, 0, 'status').images, 1);
  fs.chmodSync(plain, 0o644);
  assert.equal(json(other, 0, 'add', folder).unchanged, 1);
});

test('limits are flags, and what they refused can be tried again', () => {
  const small = path.join(root, 'small'), other = path.join(root, 'limits');
  const [file] = copy_into(small, pick_stamps(1));
  const refused = mimeme(other, 'add', small, '--max-pixels', '100');
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /over the limit of 100 \(--max-pixels\)/);
  assert.equal(json(other, 0, 'add', small).embedded, 0);
  assert.equal(json(other, 0, 'add', small, '--retry-failed').embedded, 1, file);
});
