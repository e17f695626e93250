// Draws the table "How it grows" of docs/performance.md.
//
//   node bench/plot.mjs [docs/performance.md [docs/growth.svg]]
//
// Both axes are logarithmic: a cost that is in proportion to the number of images rises steadily.

import { readFileSync } from 'node:fs';
import { writeWhole } from '../models/files.mjs';

const [from = 'docs/performance.md', to = 'docs/growth.svg'] = process.argv.slice(2);

/** The cells of the first table after the heading, without its head. */
function readTable(markdown, heading) {
  const lines = markdown.split(`## ${heading}\n`)[1].split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const end = lines.findIndex((line, i) => i > first && !line.startsWith('|'));
  return lines.slice(first + 2, end)
    .map((line) => line.split('|').slice(1, -1).map((cell) => Number(cell.replaceAll(',', ''))));
}

const rows = readTable(readFileSync(from, 'utf8'), 'How it grows');
const SERIES = [
  { name: 'exact scan', column: 1, colour: '#999' },
  { name: 'search, p99', column: 4, colour: '#e08' },
  { name: 'search, p50', column: 3, colour: '#06c' },
];

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [720, 420, 70, 20, 130, 50];
const [X0, X1, Y0, Y1] = [3, 7, -2, 3];  // powers of ten: images, milliseconds
const round = (pixels) => Number(pixels.toFixed(1));
const x = (images) =>
  round(LEFT + (Math.log10(images) - X0) / (X1 - X0) * (WIDTH - LEFT - RIGHT));
const y = (ms) =>
  round(HEIGHT - BOTTOM - (Math.log10(ms) - Y0) / (Y1 - Y0) * (HEIGHT - TOP - BOTTOM));
const powers = (from_, to_) => Array.from({ length: to_ - from_ + 1 }, (_, i) => 10 ** (from_ + i));
const number = (n) => (n < 1 ? String(n) : n.toLocaleString('en'));

const grid = [
  ...powers(X0, X1).map((n) => `<path d="M${x(n)} ${TOP}V${HEIGHT - BOTTOM}"/>` +
    `<text x="${x(n)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${number(n)}</text>`),
  ...powers(Y0, Y1).map((n) => `<path d="M${LEFT} ${y(n)}H${WIDTH - RIGHT}"/>` +
    `<text x="${LEFT - 8}" y="${y(n) + 4}" text-anchor="end">${number(n)}</text>`),
];
const lines = SERIES.map(({ name, column, colour }) => {
  const points = rows.filter((row) => row[column] > 0).map((row) => [x(row[0]), y(row[column])]);
  const [lastX, lastY] = points.at(-1);
  const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3"/>`).join('');
  return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>
<g fill="${colour}">${dots}<text x="${lastX + 10}" y="${lastY + 4}">${name}</text></g>`;
});

writeWhole(to, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}"
  font-family="sans-serif" font-size="12" fill="#333">
<style>path { stroke: #ddd }</style>
<rect width="100%" height="100%" fill="#fff"/>
${grid.join('\n')}
<text x="${LEFT - 8}" y="12" text-anchor="end">ms</text>
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">images</text>
${lines.join('\n')}
</svg>
`);
