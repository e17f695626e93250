// node bench/workers.mjs FOLDER: how ingest grows with workers. The pictures in FOLDER are put into the queue of a catalog on a server
// of our own (tools/postgres), then one, two and three workers of one thread each empty it; twice each, in turn.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const folder = path.resolve(process.argv[2]), program = path.resolve('build/release/mimeme');
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'mimeme-b.')), psql = '.parts/postgresql/usr/lib/postgresql/15/bin/psql';
const address = spawnSync('tools/postgres', ['start', root], { encoding: 'utf8' }).stdout.trim();
if (!address) process.exit(1);
const sql = (of, text) => spawnSync(psql, ['-qAtXc', text, of], { encoding: 'utf8' }).stdout.trim();
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function measure(name, count) {
  sql(address, `CREATE DATABASE ${name}`);
  const catalog = address.replace('/postgres?', `/${name}?`), env = { ...process.env, MIMEME_CATALOG: catalog };
  const add = spawn(program, ['--library', path.join(root, name), 'add', '--queue', '--quiet', folder], { env, stdio: 'ignore' });
  for (let before = -1, now = 0; now !== before || now === 0; before = now, now = Number(sql(catalog, 'SELECT count(*) FROM queue') || 0))
    await sleep(500);
  const files = Number(sql(catalog, 'SELECT count(*) FROM queue')), began = Date.now();
  const cpu = await Promise.all(Array.from({ length: count }, (_, i) => new Promise(resolve => {
    const spent = path.join(root, `time${i}`);
    spawn('/usr/bin/time', ['-f', '%U %S', '-o', spent, program, '--library', path.join(root, 'workers'), 'worker', '--no-words',
      '--until-empty', '--quiet', '--threads', '1'], { env, stdio: 'ignore' })
      .on('close', () => resolve(fs.readFileSync(spent, 'utf8').trim().split('\n').at(-1).split(' ').reduce((a, b) => a + Number(b), 0)));
  })));
  const seconds = (Date.now() - began) / 1000;
  await new Promise(resolve => add.on('close', resolve));
  return { files, seconds, cpu: cpu.reduce((a, b) => a + b, 0) };
}

try {
  for (let round = 1; round <= 2; ++round)
    for (const count of [1, 2, 3]) {
      const { files, seconds, cpu } = await measure(`b${round}_${count}`, count);
      console.log(`${count} workers: ${files} files in ${seconds.toFixed(1)} s, ${(files / seconds).toFixed(1)}/s; ` +
        `${(1000 * cpu / files).toFixed(1)} ms of CPU a file, of workers and their decoders`);
    }
} finally {
  spawnSync('tools/postgres', ['stop', root]);
  fs.rmSync(root, { recursive: true, force: true });
}
