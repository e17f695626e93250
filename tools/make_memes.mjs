// Makes the demo library: memes from the photographs among Tux Paint's stamps. Each stamp becomes a
// template, that is, the same picture three times with other words; some are then mutilated the way
// memes are on their travels, to search with.
//
//   node tools/make_memes.mjs --stamps /usr/share/tuxpaint/stamps --out DIR [--queries DIR]
//                             [--count 60] [--seed 1]
//
// Writes OUT/<stamp>-<n>.jpg and QUERIES/<stamp>-1.<edit>.jpg (default OUT/../queries). Equal
// arguments give equal pictures; a second run finds them and does nothing. The stamps are GPL-2, so
// the pictures made from them are too.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { sha256, writeWhole } from '../models/files.mjs';
import { random_of } from './random.mjs';

// Photographs, cut out cleanly and large enough. None ends in -1, -2 or -3: that is ours.
const STAMPS = {
  'animals/amphibians': ['frog'],
  'animals/birds': [
    'crowned_crane', 'duck', 'helmeted_guineafowl', 'hen', 'magellanic_penguin', 'ostrich', 'owl',
    'pelican', 'penguin', 'pigeon', 'pink_flamingo', 'rooster', 'seagull', 'tucan', 'turkey',
    'vulture',
  ],
  'animals/fish': ['lobster', 'seahorse'],
  'animals/insects': ['grasshopper', 'hoverfly', 'mantis'],
  'animals/lizards': ['iguana'],
  'animals/mammals': [
    'elephant', 'ferret', 'giraffe', 'hippopotamus', 'pig_golden', 'rabbit_little', 'rhino_black',
    'wildboar',
  ],
  'animals/mammals/apes': ['chimp', 'gorilla', 'tamarin_emperor'],
  'animals/mammals/aquatic': ['dolphin', 'orca', 'otter', 'sea_lion'],
  'animals/mammals/bears': ['european-bear'],
  'animals/mammals/bears/toys': ['edward_bear'],
  'animals/mammals/bovines': ['bison', 'cow_white', 'gnu-baby', 'goat', 'ram', 'sheep', 'yak'],
  'animals/mammals/camel': ['camel'],
  'animals/mammals/cats': ['tiger', 'tiger_sumatran'],
  'animals/mammals/dogs': ['dog', 'fox'],
  'animals/mammals/equines': ['donkey', 'horse', 'zebra'],
  'animals/mammals/rodents': ['capybara', 'marmot', 'squirrel'],
  'animals/marsupials': ['koala', 'wombat'],
  'food/fruit': ['Strawberry2', 'avocado', 'cherimoya', 'kiwi', 'orange_seville'],
  'food/spices': ['ginger'],
  'hobbies/music/brass': ['trumpet'],
  'hobbies/music/percussion': ['drumkit'],
  'household': ['Lightbulb', 'toilet'],
  'household/tools': ['cementmixer'],
  'medical': ['stethoscope'],
  'plants/flowers': ['daffodil'],
  'plants/mushrooms': ['cep'],
  'space': ['apollo_lander'],
  'space/planets': ['5_jupiter'],
  'vehicles/construction': ['dumper'],
  'vehicles/emergency': ['firetruck'],
  'vehicles/flight': ['balloon360'],
  'vehicles/race': ['indycar'],
};

const CAPTIONS = [
  ['I said five minutes', 'I did not say which five'],
  ['The printer can smell', 'that I am in a hurry'],
  ['Told the oven to preheat', 'now we are both waiting'],
  ['My plan for today', 'was cancelled by lunch'],
  ['Bought a planner', 'planning to open it'],
  ['One more episode', 'said the sunrise'],
  ['I read the manual', 'it was for the other model'],
  ['Fixed one bug', 'met its whole family'],
  ['The backup works', 'the restore is a rumour'],
  ['Cooking from memory', 'my memory cannot cook'],
  ['Deleted the old code', 'it was holding up the roof'],
  ['I am not lost', 'the map is just early'],
  ['Early to bed', 'late to sleep'],
  ['The gym is open', 'so is the fridge'],
  ['It worked on Friday', 'Monday has questions'],
  ['Reply to all', 'regret to all'],
  ['Only resting my eyes', 'since Tuesday'],
  ['My inbox is empty', 'I opened the wrong one'],
  ['I brought snacks', 'they did not survive the trip'],
  ['Forecast says sunny', 'forecast has never met me'],
  ['This meeting has an agenda', 'nobody has seen it'],
  ['I water my plants', 'they still file complaints'],
  ['Left sock present', 'right sock on holiday'],
  ['Temporary solution', 'happy tenth birthday'],
  ['I can explain', 'please give me a week'],
  ['All tests are green', 'I painted them myself'],
  ['Diet starts tomorrow', 'tomorrow keeps moving'],
  ['Two percent battery', 'me, not the phone'],
  ['Alarm set for six', 'negotiations until nine'],
  ['Who ate the last slice', 'no further questions'],
  ['Took a short cut', 'we live here now'],
  ['Assembled it myself', 'only nine screws left over'],
  ['Typed my password', 'into the group chat'],
  ['Small talk', 'large silence'],
  ['Weekend plans', 'cancelled by the sofa'],
  ['Parked perfectly', 'nobody was watching'],
  ['Learned a new word', 'used it wrong by noon'],
  ['Cleaned my desk', 'found last year under it'],
  ['I never panic', 'I schedule it'],
  ['First coffee', 'please hold the line'],
];

/** Two colours each, the first the lighter. */
const COLOURS = [
  ['#7fd1e8', '#2a7fb0'], ['#ffcf5c', '#f08a24'], ['#b9e07a', '#4f9a3a'], ['#f7a8b8', '#c9406a'],
  ['#c3b1ee', '#6a4cb0'], ['#8fe0c4', '#1f8f7a'], ['#ffd9a8', '#d9653b'], ['#b8c7d9', '#4d6480'],
  ['#f2e394', '#a89a2e'], ['#9fb8ff', '#3a52c4'],
];
const SIZES = [[700, 700], [800, 640], [640, 740], [760, 680], [600, 600]];

function shuffled(items, random) {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

const svg = (width, height, body) => Buffer.from(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`);

/** What lies behind the stamp: rays, a glow or a slope of two colours; a shadow on the floor. */
function ground({ width, height, colours: [light, dark], style, floor, shadow }) {
  const stops = `<stop offset="0" stop-color="${light}"/><stop offset="1" stop-color="${dark}"/>`;
  const all = `<rect width="${width}" height="${height}" fill="url(#g)"/>`;
  const styles = {
    slope: `<linearGradient id="g" x2="0" y2="1">${stops}</linearGradient>${all}`,
    glow: `<radialGradient id="g" r=".75">${stops}</radialGradient>${all}`,
    rays: `<rect width="${width}" height="${height}" fill="${light}"/>` +
      Array.from({ length: 12 }, (_, i) => {
        const point = (turn) => [Math.cos(turn), Math.sin(turn)]
          .map((v, axis) => ((axis ? height : width) / 2 + v * (width + height)).toFixed(1));
        const [from, to] = [i, i + 0.5].map((n) => point((n * Math.PI) / 6));
        return `<path d="M${width / 2} ${height / 2}L${from}L${to}z" fill="${dark}"/>`;
      }).join(''),
  };
  return svg(width, height, `${styles[style]}
    <radialGradient id="s"><stop offset="0" stop-opacity=".45"/><stop offset="1" stop-opacity="0"/>
    </radialGradient>
    <ellipse cx="${width / 2}" cy="${floor}" rx="${shadow}" ry="${shadow / 9}" fill="url(#s)"/>`);
}

/** Bebas Neue's capitals are about this wide and exactly this high, in parts of the font size. */
const [GLYPH_WIDTH, CAP_HEIGHT] = [0.41, 0.7];

/** One line if it is readable so, else two of about one length. */
function wrap(text, perLine) {
  if (text.length <= perLine) return [text];
  const words = text.split(' ');
  const cuts = words.slice(1).map((_, i) => [words.slice(0, i + 1), words.slice(i + 1)]
    .map((half) => half.join(' ')));
  const longer = (lines) => Math.max(...lines.map((line) => line.length));
  return cuts.reduce((best, cut) => (longer(cut) < longer(best) ? cut : best));
}

function captions(width, height, [top, bottom]) {
  const block = (text, isTop) => {
    const lines = wrap(text.toUpperCase(), 20);
    const longest = Math.max(...lines.map((line) => line.length));
    const size = Math.min(height * 0.135, (width * 0.94) / (longest * GLYPH_WIDTH));
    const margin = height * 0.035;
    const first = isTop
      ? margin + CAP_HEIGHT * size
      : height - margin - (lines.length - 1) * 0.84 * size;
    return lines.map((line, i) => `<text x="${width / 2}" y="${first + i * 0.84 * size}"
      font-size="${size}" stroke-width="${size * 0.11}">${line}</text>`).join('');
  };
  return svg(width, height, `<g font-family="Bebas Neue" font-weight="bold" text-anchor="middle"
    fill="#fff" stroke="#000" stroke-linejoin="round" paint-order="stroke">
    ${block(top, true)}${block(bottom, false)}</g>`);
}

/** The three memes of one template, as JPEG. */
async function template(stamp, look, texts) {
  const { width, height } = look;
  const cut = await sharp(stamp).ensureAlpha().trim().toBuffer();
  const { data: subject, info } = await sharp(cut)
    .resize(Math.round(width * 0.84), Math.round(height * 0.6), { fit: 'inside' })
    .png().toBuffer({ resolveWithObject: true });
  const top = Math.round(height * 0.2 + (height * 0.6 - info.height) / 2);
  const left = Math.round((width - info.width) / 2);
  const behind = ground({ ...look, floor: top + info.height, shadow: info.width * 0.5 });
  return Promise.all(texts.map((text) => sharp(behind)
    .composite([{ input: subject, top, left }, { input: captions(width, height, text) }])
    .flatten().jpeg({ quality: 88 }).toBuffer()));
}

/** What happens to memes on their travels; each takes and gives a JPEG. */
const EDITS = {
  mirror: (meme) => sharp(meme).flop().jpeg().toBuffer(),
  async crop(meme) {
    const { width, height } = await sharp(meme).metadata();
    const [left, top, wide, high] = [0.15 * width, 0.12 * height, 0.75 * width, 0.7 * height]
      .map(Math.round);
    return sharp(meme).extract({ left, top, width: wide, height: high }).jpeg().toBuffer();
  },
  async bar(meme) {
    const { width } = await sharp(meme).metadata();
    const high = Math.round(width * 0.18);
    const text = svg(width, high, `<text x="${width * 0.03}" y="${high * 0.68}"
      font-family="Bebas Neue" font-weight="bold" font-size="${high * 0.52}">
      Found this one in my drafts</text>`);
    return sharp(meme).extend({ top: high, background: '#fff' })
      .composite([{ input: text, top: 0, left: 0 }]).jpeg().toBuffer();
  },
  jpeg12: (meme) => sharp(meme).resize({ width: 320 }).jpeg({ quality: 12 }).toBuffer(),
  grey: (meme) => sharp(meme).greyscale().jpeg().toBuffer(),
};
const QUERIES_PER_EDIT = 4;

function parseArguments() {
  const { values } = parseArgs({
    options: {
      stamps: { type: 'string', default: '/usr/share/tuxpaint/stamps' },
      out: { type: 'string' },
      queries: { type: 'string' },
      count: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [count, seed] = [Number(values.count), Number(values.seed)];
  const most = Object.values(STAMPS).flat().length;
  const fits = Number.isInteger(count) && count >= 1 && count <= most;
  if (!values.out || !Number.isInteger(seed) || !fits) {
    console.error('usage: make_memes.mjs --out DIR [--stamps DIR] [--queries DIR] ' +
      `[--count 1..${most}] [--seed N]`);
    process.exit(2);
  }
  const out = resolve(values.out);
  const queries = resolve(values.queries ?? join(out, '..', 'queries'));
  return { stamps: values.stamps, out, queries, count, seed };
}

const { stamps, out, queries, count, seed } = parseArguments();
if (!existsSync(stamps)) {
  console.error(`make_memes: no ${stamps}: apt-get install tuxpaint-stamps-default`);
  process.exit(1);
}
const record = join(out, '.make_memes.json');
const key = sha256(readFileSync(fileURLToPath(import.meta.url)),
  JSON.stringify([stamps, queries, count, seed, sharp.versions]));
const before = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : { files: [] };
if (before.key === key && before.files.every((file) => existsSync(file))) {
  console.log(`${out}: up to date`);
  process.exit();
}

const started = Date.now();
for (const folder of [out, queries]) mkdirSync(folder, { recursive: true });

const random = random_of(seed);
const pick = (items) => items[Math.floor(random() * items.length)];
const all = Object.entries(STAMPS).flatMap(([folder, names]) => names.map((n) => join(folder, n)));
const files = [];
const write = (file, data) => {
  writeWhole(file, data);
  files.push(file);
};

for (const [i, name] of shuffled(all, random).slice(0, count).entries()) {
  const [width, height] = pick(SIZES);
  const look = { width, height, colours: pick(COLOURS), style: pick(['slope', 'glow', 'rays']) };
  const texts = shuffled(CAPTIONS, random).slice(0, 3);
  const memes = await template(join(stamps, `${name}.png`), look, texts);
  memes.forEach((meme, n) => write(join(out, `${basename(name)}-${n + 1}.jpg`), meme));

  const edits = Object.keys(EDITS);
  if (i >= edits.length * QUERIES_PER_EDIT) continue;
  const edit = edits[i % edits.length];
  write(join(queries, `${basename(name)}-1.${edit}.jpg`), await EDITS[edit](memes[0]));
}
for (const file of before.files) if (!files.includes(file)) rmSync(file, { force: true });
writeWhole(record, `${JSON.stringify({ key, files }, null, 1)}\n`);
console.log(`${out}: ${files.length} pictures in ${((Date.now() - started) / 1000).toFixed(1)} s`);
