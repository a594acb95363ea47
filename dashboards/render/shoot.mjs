// Photographs boards: node shoot.mjs JOBS.json, one line of JSON on stdout for each board.
// JOBS.json: {"browser": path, "page": folder, "boards": [{"data": path, "png": path}]}
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { chromium } from 'playwright-core';

const HERE = 'http://board.invalid/';
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2' };
const READY_MS = 60_000;
// Higher than any board: Grafana's tables draw nothing that lies below the window.
const TALL = 8000;

// Nothing is fetched from anywhere: what is not a file of the page is refused.
async function serve(route, folder, data) {
  const name = decodeURIComponent(new URL(route.request().url()).pathname).slice(1) || 'index.html';
  const file = name === 'board.json' ? data : path.join(folder, path.normalize(name));
  if (!route.request().url().startsWith(HERE) || (file !== data && !file.startsWith(folder + path.sep))) {
    return route.abort();
  }
  try {
    const contentType = KINDS[path.extname(file)] ?? 'application/json';
    return await route.fulfill({ body: await readFile(file), contentType });
  } catch {
    return route.abort();
  }
}

async function shoot(browser, folder, { data, png }) {
  const page = await browser.newPage({ viewport: { width: 1920, height: TALL } });
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  try {
    await page.route('**/*', (route) => serve(route, folder, data));
    await page.goto(HERE);
    await page.waitForFunction('window.report', undefined, { timeout: READY_MS });
    const height = await page.evaluate('Math.ceil(document.getElementById("board").scrollHeight)');
    if (height > TALL) {
      faults.push(`the board is ${height} pixels high, more than ${TALL}`);
    }
    await page.screenshot({ path: png, clip: { x: 0, y: 0, width: 1920, height: Math.min(height, TALL) } });
    const report = await page.evaluate('window.report');
    return { ...report, errors: [...report.errors, ...faults] };
  } catch (error) {
    return { empty: [], errors: [...faults, error.message] };
  } finally {
    await page.close();
  }
}

const jobs = JSON.parse(await readFile(process.argv[2], 'utf8'));
const browser = await chromium.launch({
  executablePath: jobs.browser,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ],
});
try {
  for (const board of jobs.boards) {
    const report = await shoot(browser, path.resolve(jobs.page), board);
    console.log(JSON.stringify({ png: board.png, ...report }));
  }
} finally {
  await browser.close();
}
