// The wall of a large library in a real browser: how it scrolls, what it holds of the page and of memory, where it is
// when one comes back to it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { copy_into, mimeme, pick_stamps, program } from '../cli/mimeme.mjs';
import { becomes, button, cards, place, until } from './browser.mjs';
import { served } from './library.mjs';

const IMAGES = 10_000;
const MOST_NODES = 1500, MOST_HEAP = 60e6;

const { check } = served(folder => {
  const seed = path.join(folder, 'seed'), library = path.join(folder, 'library');
  copy_into(path.join(folder, 'few'), pick_stamps(10));
  assert.equal(mimeme(seed, 'add', path.join(folder, 'few'), '--no-words').code, 0);
  execFileSync(process.execPath, ['tools/make_library.mjs', '--mimeme', program, '--seed', seed, '--wordless',
    '--images', String(IMAGES), '--out', library, '--pictures', path.join(folder, 'pictures')]);
  return { library };
});

const last = page => page.locator(`[aria-label="Images"] > li[aria-posinset="${IMAGES}"]`);
const all_loaded = page => page.getByText('10,000 images', { exact: true });
const scrolled = page => page.evaluate(() => scrollY);

// What the page holds when garbage is taken away.
async function held(client) {
  await client.send('HeapProfiler.collectGarbage');
  const { metrics } = await client.send('Performance.getMetrics');
  const of = name => metrics.find(metric => metric.name === name).value;
  return { heap: of('JSHeapUsedSize'), nodes: of('Nodes') };
}
const MB = bytes => `${(bytes / 1e6).toFixed(1)} MB`;

check('10,000 images scroll to the end: the page stays small', async (page, context) => {
  const client = await context.newCDPSession(page);
  await client.send('Performance.enable');
  await page.goto('/');
  await cards(page).first().waitFor();
  const before = await held(client);
  await page.evaluate(() => {
    window.most = 0;
    const count = () => {
      window.most = Math.max(window.most, document.getElementsByTagName('*').length);
      requestAnimationFrame(count);
    };
    count();
  });
  // As fast as it goes, so most pictures are passed before they came.
  await page.mouse.move(700, 500);
  await until(async () => {
    await page.mouse.wheel(0, 8000);
    return (await all_loaded(page).count()) && (await last(page).count());
  }, 'the end', 180);
  await last(page).getByRole('link').waitFor();
  await until(() => last(page).locator('img').evaluate(image => image.naturalWidth > 0), 'the last picture');
  const [most, now] = [await page.evaluate(() => window.most), await held(client)];
  console.log(`at the end of ${IMAGES}: at most ${most} elements; heap ${MB(now.heap)}, at first ${MB(before.heap)}`);
  assert.ok(most < MOST_NODES, `${most} elements`);
  assert.ok(now.heap < MOST_HEAP, MB(now.heap));
  // And back to the top, where what was seen is seen again.
  await page.evaluate(() => scrollTo(0, 0));
  await page.locator('li[aria-posinset="1"] img').waitFor();
});

check('End reaches the last image, Home the first', async page => {
  await page.goto('/');
  await cards(page).first().focus();
  await until(async () => {
    await page.keyboard.press('End');
    return page.evaluate(all => document.activeElement.dataset.index === String(all - 1), IMAGES);
  }, 'the last one has the focus', 120);
  assert.ok((await scrolled(page)) > 10_000);
  await page.keyboard.press('Home');
  await becomes(() => page.evaluate(() => document.activeElement.dataset.index), '0');
  await until(async () => (await scrolled(page)) < 100, 'the top');
});

check('scrolling steadily drops few frames', async page => {
  await page.goto('/');
  await cards(page).first().waitFor();
  const { gaps, frames } = await page.evaluate(() => new Promise(resolve => {
    const gaps = [];
    let then, frames = 0;
    // 30 pixels a frame: as a hand on a touchpad does.
    requestAnimationFrame(function step(now) {
      if (then !== undefined) gaps.push(now - then);
      then = now;
      scrollBy(0, 30);
      if (++frames < 400) requestAnimationFrame(step);
      else resolve({ gaps, frames });
    });
  }));
  const dropped = gaps.filter(gap => gap > 34).length;
  gaps.sort((a, b) => a - b);
  const at = share => gaps[Math.floor(gaps.length * share)].toFixed(1);
  console.log(`${frames} frames: ${dropped} late; ${at(0.5)} ms in the middle, ${at(0.95)} at 95 %, ${at(0.999)} at most`);
  // A machine that does other things meanwhile is late by itself.
  assert.ok(dropped < frames / 2, `${dropped} of ${frames}`);
});

check('back and forward keep the place, and the image that was opened has the focus', async page => {
  await page.goto('/');
  await cards(page).first().waitFor();
  for (let y = 2000; y <= 8000; y += 2000) {
    await page.evaluate(to => scrollTo(0, to), y);
    await until(() => page.evaluate(to => document.documentElement.scrollHeight > to + 3000, y), 'more is loaded');
  }
  const seen = page.locator('main li a').filter({ visible: true });
  const index = await seen.evaluateAll(links => links.find(link => {
    const { top, bottom } = link.getBoundingClientRect();
    return top > 100 && bottom < innerHeight - 100;
  })?.dataset.index);
  const href = await page.locator(`[data-index="${index}"]`).getAttribute('href');
  const y = await scrolled(page);
  await page.locator(`[data-index="${index}"]`).click();
  await until(() => place(page) === href, 'the image');
  await page.getByRole('heading', { level: 1 }).and(page.locator(':not(.sr-only)')).waitFor();
  await until(async () => (await scrolled(page)) === 0, 'it begins at the top');
  await page.goBack();
  await becomes(() => page.evaluate(() => document.activeElement.getAttribute('href')), href);
  await until(async () => Math.abs((await scrolled(page)) - y) < 2, `at ${y}`);
  await page.goForward();
  await button(page, 'Back').click();
  await becomes(() => page.evaluate(() => document.activeElement.getAttribute('href')), href);
  await until(async () => Math.abs((await scrolled(page)) - y) < 2, `at ${y} again`);
  // In a hurry on a slow machine, too: the view that is left had just been scrolled, and the one that is come back to is left
  // as soon as it is shown.
  await page.evaluate(async y => {
    const go = (way, busy = 0) => new Promise(resolve => {
      addEventListener('popstate', () => {
        for (const until = performance.now() + busy; performance.now() < until;);
        resolve();
      }, { once: true });
      history[way]();
    });
    await go('forward');
    await new Promise(resolve => setTimeout(resolve, 500));
    dispatchEvent(new Event('scroll'));
    await go('back', 300);
    while (Math.abs(scrollY - y) > 2) await new Promise(requestAnimationFrame);
    await go('forward');
    await go('back');
  }, y);
  await until(async () => Math.abs((await scrolled(page)) - y) < 2, `at ${y} after all`);
  // Even after a reload, when all has to be loaded anew.
  await page.reload();
  await until(async () => Math.abs((await scrolled(page)) - y) < 2, 'the place after a reload');
});
