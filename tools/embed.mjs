// node tools/embed.mjs OUT FOLDER…: writes OUT/assets.S and OUT/assets_table.cc, which hold all files of the folders,
// as they are and compressed, for src/http/assets.h.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.json': 'application/json', '.webmanifest': 'application/manifest+json', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.ico': 'image/x-icon', '.txt': 'text/plain; charset=utf-8',
};

const [out, ...folders] = process.argv.slice(2);
const packed = path.join(out, 'packed');
fs.rmSync(packed, { recursive: true, force: true });
fs.mkdirSync(packed, { recursive: true });

const files = folders.flatMap((folder) =>
  fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .map((file) => ({ file, name: '/' + path.relative(folder, file).split(path.sep).join('/') })));
files.sort((a, b) => (a.name < b.name ? -1 : 1));

let assembly = '.section .rodata\n';
let declared = '';
let rows = '';
files.forEach(({ file, name }, i) => {
  const type = types[path.extname(file)];
  if (!type) throw new Error(`${file}: what type is it? Add it to tools/embed.mjs`);
  const bytes = fs.readFileSync(file);
  for (const [kind, content] of [['identity', bytes], ['gzip', gzipSync(bytes, { level: 9 })]]) {
    const copy = path.join(packed, `${i}.${kind}`);
    fs.writeFileSync(copy, content);
    const symbol = `mimeme_asset_${i}_${kind}`;
    assembly += `.global ${symbol}, ${symbol}_end\n${symbol}: .incbin "${copy}"\n${symbol}_end: .byte 0\n`;
    declared += `extern "C" const char ${symbol}[], ${symbol}_end[];\n`;
  }
  const etag = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  const view = (kind) => `between(mimeme_asset_${i}_${kind}, mimeme_asset_${i}_${kind}_end)`;
  rows += `      {${JSON.stringify(name)}, "${type}", "${etag}", ${view('gzip')}, ${view('identity')}},\n`;
});
assembly += '.section .note.GNU-stack,"",@progbits\n';

fs.writeFileSync(path.join(out, 'assets.S'), assembly);
fs.writeFileSync(path.join(out, 'assets_table.cc'), `// Made by tools/embed.mjs.
#include "http/assets.h"

${declared}
namespace mimeme {
namespace {
std::string_view between(const char* begin, const char* end) { return {begin, static_cast<size_t>(end - begin)}; }
}  // namespace

std::span<const Asset> assets() {
  static const Asset kAssets[] = {
${rows}  };
  return kAssets;
}

}  // namespace mimeme
`);
