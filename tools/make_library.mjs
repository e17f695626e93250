// node tools/make_library.mjs --mimeme PROGRAM --seed LIBRARY --images N --out LIBRARY [--pictures FOLDER]
//     [--wordless]
//
// A large library for measuring and for tests, without the hours that reading so many pictures takes: embeddings are
// mixtures of the seed library's real ones, descriptions are words of Tux Paint's captions. With --pictures there is a
// real file behind each image, a small JPEG of its own; without, only its name. With --wordless there are no descriptions,
// whose embedding takes most of the time. Made by `mimeme import`, so that nothing but public formats is written
// (docs/format.md, Export).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { random_of } from './random.mjs';

const { values: args } = parseArgs({
  options: {
    ...Object.fromEntries(['mimeme', 'seed', 'images', 'out', 'pictures'].map((name) => [name, { type: 'string' }])),
    wordless: { type: 'boolean' },
  },
});
const count = Number(args.images);
const pictures = args.pictures && path.resolve(args.pictures);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'mimeme-library-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
const mimeme = (library, ...rest) =>
  execFileSync(args.mimeme, ['--library', library, '--quiet', ...rest], { stdio: ['ignore', 'ignore', 'inherit'] });

const random = random_of(7);
const pick = (list) => list[Math.floor(random() * list.length)];

// IEEE 754 binary16, by tables: all 65,536 values one way, a search the other.
const toFloat = new Float32Array(65536).map((_, h) => {
  const exponent = (h >> 10) & 31, fraction = h & 1023;
  const value = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? NaN : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return h & 0x8000 ? -value : value;
});
const bits = new Uint32Array(1), float = new Float32Array(bits.buffer);
function toHalf(value) {
  float[0] = value;
  const exponent = ((bits[0] >>> 23) & 255) - 112;
  const sign = (bits[0] >>> 16) & 0x8000;
  if (exponent <= 0) return sign;  // too small to matter
  return sign | (exponent << 10) | ((bits[0] >>> 13) & 1023);
}

// The seed's embeddings.
const exported = path.join(work, 'seed'), made = path.join(work, 'made');
mimeme(args.seed, 'export', exported);
const about = JSON.parse(fs.readFileSync(path.join(exported, 'library.json'), 'utf8'));
const { dim } = about.model;
const npy = fs.readFileSync(path.join(exported, 'embeddings.npy'));
const rows = new Uint16Array(npy.buffer.slice(npy.byteOffset + npy.length - about.embeddings * dim * 2, npy.byteOffset + npy.length));

const stamps = '/usr/share/tuxpaint/stamps';
const words = [...new Set(fs.readdirSync(stamps, { recursive: true })
  .filter((name) => name.endsWith('.txt'))
  .flatMap((name) => fs.readFileSync(path.join(stamps, name), 'utf8').split('\n')[0].toLowerCase().match(/[a-z]{3,}/g) ?? []))].sort();

fs.mkdirSync(made);
if (pictures) fs.mkdirSync(pictures, { recursive: true });
const images = fs.openSync(path.join(made, 'images.jsonl'), 'w');
const embeddings = fs.openSync(path.join(made, 'embeddings.npy'), 'w');
const head = `{'descr': '<f2', 'fortran_order': False, 'shape': (${count}, ${dim}), }`;
const padded = head.padEnd(Math.ceil((head.length + 11) / 64) * 64 - 11) + '\n';
fs.writeSync(embeddings, Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([padded.length & 255, padded.length >> 8]), Buffer.from(padded)]));

// Draws all its random numbers before it waits: many are made at a time, and the library is the same each time.
async function make(i) {
  const row = new Uint16Array(dim);
  const a = Math.floor(random() * about.embeddings) * dim, b = Math.floor(random() * about.embeddings) * dim, t = random() / 2;
  for (let d = 0; d < dim; ++d) row[d] = toHalf((1 - t) * toFloat[rows[a + d]] + t * toFloat[rows[b + d]]);

  const width = 120 + Math.floor(random() * 200), height = 120 + Math.floor(random() * 200);
  const description = Array.from({ length: 3 + Math.floor(random() * 4) }, () => pick(words)).join(' ');
  const file = path.join(pictures ?? '/nowhere', `${String(i).padStart(7, '0')} ${pick(words)}.jpg`);
  let sha256 = createHash('sha256').update(`${i}`).digest('hex'), bytes = 20000 + i;
  if (pictures) {
    const colours = Buffer.from(Array.from({ length: 27 }, () => Math.floor(random() * 256)));
    const jpeg = await sharp(colours, { raw: { width: 3, height: 3, channels: 3 } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' }).jpeg({ quality: 70 }).toBuffer();
    fs.writeFileSync(file, jpeg);
    sha256 = createHash('sha256').update(jpeg).digest('hex');
    bytes = jpeg.length;
  }
  const told = {
    sha256, bytes, format: 'jpeg', width, height, frames: 1, added_at_us: 1700000000000000 + i * 1000000, paths: [file],
    embedded: true, preview: Buffer.from(sha256, 'hex').toString('base64'),  // of the right size, if not colours
    ...(args.wordless ? {} : { description }),
  };
  return { row: Buffer.from(row.buffer), told: JSON.stringify(told) + '\n' };
}

for (let i = 0; i < count; i += 64) {
  const some = await Promise.all(Array.from({ length: Math.min(64, count - i) }, (_, k) => make(i + k)));
  fs.writeSync(embeddings, Buffer.concat(some.map(({ row }) => row)));
  fs.writeSync(images, some.map(({ told }) => told).join(''));
}
fs.closeSync(images);
fs.closeSync(embeddings);
fs.writeFileSync(path.join(made, 'library.json'), JSON.stringify({ ...about, images: count, embeddings: count, folders: pictures ? [pictures] : [] }));
mimeme(args.out, 'import', made);
