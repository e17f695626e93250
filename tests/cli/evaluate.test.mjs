// The measure of quality itself, on a corpus small enough to know the answers.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { copy_into, json, mimeme, pick_stamps, scratch } from './mimeme.mjs';

const root = scratch(), corpus = path.join(root, 'corpus'), library = path.join(root, 'library');
const manifest = path.join(corpus, 'manifest.jsonl');
const write = (file, rows) => fs.writeFileSync(path.join(corpus, file), rows.map(r => JSON.stringify(r) + '\n').join(''));

test('tasks are measured, and those that cannot be done are listed', async () => {
  const [a, b] = pick_stamps(2), images = path.join(corpus, 'library');
  fs.mkdirSync(images, { recursive: true });
  fs.mkdirSync(path.join(corpus, 'queries'));
  for (const [name, file] of [['a', a], ['b', b]])
    for (const width of [300, 200, 150]) await sharp(file).flatten({ background: '#808080' }).resize({ width }).jpeg().toFile(path.join(images, `${name}-${width}.jpg`));
  await sharp(a).flatten({ background: '#808080' }).flop().jpeg().toFile(path.join(corpus, 'queries', 'a.jpg'));
  const at = (...names) => names.map(n => `library/${n}.jpg`);
  write('manifest.jsonl', [
    { task: 'template', query: { image: 'library/a-300.jpg' }, relevant: at('a-200', 'a-150') },
    { task: 'template', query: { image: 'library/b-300.jpg' }, relevant: at('b-200', 'b-150') },
    { task: 'copy/mirror', query: { image: 'queries/a.jpg' }, relevant: at('a-300', 'a-200', 'a-150') },
    { task: 'family/mirror', query: { image: 'queries/a.jpg' }, exclude: at('a-300', 'b-300', 'b-200', 'b-150'), relevant: at('a-200', 'a-150') },
    { task: 'wrong', query: { image: 'library/a-300.jpg' }, relevant: at('b-150') },
    { task: 'name', query: { text: 'first family' }, relevant: at('a-300', 'a-200', 'a-150') },
    { task: 'absent', query: { image: 'queries/a.jpg' }, relevant: [] },
    { task: 'template', query: { image: 'library/a-200.jpg' }, relevant: at('a-200') },
  ]);
  write('labels.jsonl', [{ image: 'library/a-300.jpg', category: 'First Family' }]);

  const early = mimeme(library, 'evaluate', manifest);
  assert.equal(early.code, 4, 'nothing is indexed yet');
  assert.equal(json(library, 0, 'add', images).embedded, 6);
  const { tasks, skipped } = json(library, 0, 'evaluate', manifest, '--labels', path.join(corpus, 'labels.jsonl'));
  assert.deepEqual(tasks.map(t => [t.task, t.queries, t.r1, t.map]),
    [['template', 2, 1, 1], ['copy/mirror', 1, 1, 1], ['family/mirror', 1, 1, 1], ['wrong', 1, 0, tasks[3].map], ['name', 1, 1, 1], ['absent', 1, 0, 0]]);
  assert.ok(tasks[3].map > 0 && tasks[3].map <= 1 / 3, 'behind the two of the other template');
  for (const t of tasks) assert.ok(t.p50_ms > 0 && t.p99_ms >= t.p50_ms && t.r10 >= t.r1);
  assert.deepEqual(skipped.map(s => [s.task, s.queries]), [['template', 1]]);
  const mirror = tasks[1];
  assert.ok(mirror.labelled === 1 && mirror.same_picture >= 1 && mirror.same_picture_right === mirror.same_picture, JSON.stringify(mirror));
  assert.equal(tasks[5].labelled, 1, 'what should not be found is, and is called so');
  assert.match(skipped[0].why, /the query itself/);
  const table = mimeme(library, 'evaluate', manifest).stdout;
  assert.match(table, /^task +queries +R@1 +R@10 +P@5 +mAP +p50 ms +p99 ms +same \(right\) +labelled$/m);
  assert.match(table, /^copy \(mean\)/m);
});

test('a manifest that is wrong is refused with file and line', () => {
  const attempt = (text, says) => {
    fs.writeFileSync(manifest, text);
    const { code, stderr } = mimeme(library, 'evaluate', manifest);
    assert.equal(code === 0, false);
    assert.match(stderr, says);
  };
  attempt('{"task":"t","query":{"image":"library/a-300.jpg"},"relevant":[]}\nnonsense\n', /manifest\.jsonl: line 2: malformed JSON/);
  attempt('{"task":"t","query":{},"relevant":[]}\n', /line 1: query: `image` is missing/);
  attempt('{"task":"t","query":{"image":"x.jpg"},"relevant":["library/none.jpg"]}\n', /none\.jpg is not in the library: run `mimeme add/);
  const long = 'x'.repeat(300);
  attempt(`\n{"task":"t","query":{"image":"${long}.jpg"},"relevant":[]}\n`, /manifest\.jsonl: line 2: query: .*xxx\.jpg: file name too long/i);
  attempt(`{"task":"t","query":{"image":"x.jpg"},"relevant":["${long}.jpg"]}\n`, /manifest\.jsonl: line 1: relevant: .*xxx\.jpg: file name too long/i);
  attempt('', /holds no query/);
  assert.match(mimeme(library, 'evaluate', '').stderr, /cannot be opened/);
});
