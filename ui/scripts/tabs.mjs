// Two tabs of one browser against a made-up daemon: they share one Watch stream, the second takes it
// over where the first stood, a daemon that is gone is said so, and it comes back by itself.
//
//   npm run build && npm run tabs
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { launch } from './chromium.mjs';
import { POLICY } from './serve.mjs';

const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', html: 'text/html' };
const BEAT_MS = 500;

/** A frame of gRPC-Web, and the text field `n` of a message. */
function frame(flag, body) {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}
const text = (n, value) =>
  Buffer.concat([Buffer.from([(n << 3) | 2, value.length]), Buffer.from(value)]);
const answer = (...fields) =>
  Buffer.concat([frame(0, Buffer.concat(fields)), frame(0x80, Buffer.from('grpc-status: 0\r\n'))]);

const daemon = { up: true, streams: 0, cursors: [] };

function watch(asked, response) {
  daemon.cursors.push(asked.subarray(7).toString());
  daemon.streams += 1;
  const stream = daemon.cursors.length;
  let beat = 0;
  const timer = setInterval(() => {
    if (!daemon.up) return response.destroy();
    beat += 1;
    response.write(frame(0, text(1, `${stream}-${beat}`)));
  }, BEAT_MS);
  response.on('close', () => {
    daemon.streams -= 1;
    clearInterval(timer);
  });
}

function call(method, asked, response) {
  response.setHeader('content-type', 'application/grpc-web+proto');
  if (method === 'Watch') watch(asked, response);
  else if (method === 'WhoAmI') response.end(answer(text(1, 'nas'), text(3, 'admin')));
  else response.end(answer(text(1, new Date().toISOString()), text(2, 'nas')));
}

const server = createServer((request, response) => {
  const path = request.url.split('?')[0];
  if (path.startsWith('/holdfast.')) {
    if (!daemon.up) return response.destroy();
    const parts = [];
    request.on('data', (part) => parts.push(part));
    return request.on('end', () => call(path.split('/').pop(), Buffer.concat(parts), response));
  }
  const file = path !== '/' && existsSync(`dist${path}`) ? `dist${path}` : 'dist/index.html';
  response.setHeader('content-type', TYPES[file.split('.').pop()]);
  response.setHeader('content-security-policy', POLICY);
  return response.end(readFileSync(file));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = `http://127.0.0.1:${server.address().port}/`;
const browser = await launch();
const context = await browser.newContext();

async function tab() {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForSelector('h1');
  await page.waitForTimeout(4 * BEAT_MS);
  return page;
}

const first = await tab();
const second = await tab();
assert.equal(daemon.streams, 1, 'two tabs share one stream');
await first.close();
await second.waitForTimeout(4 * BEAT_MS);
assert.equal(daemon.streams, 1, 'the second tab took it over');
assert.match(daemon.cursors[1], /^1-\d+$/, 'where the first one stood');

daemon.up = false;
await second.waitForSelector('.notice.bad', { timeout: 5_000 });
daemon.up = true;
await second.waitForSelector('.notice.bad', { state: 'detached', timeout: 20_000 });
assert.match(daemon.cursors.at(-1), /^2-\d+$/, 'it goes on where it was cut');
console.log('two tabs, one stream; taken over, lost, and back');
await browser.close();
server.close();
process.exit(0);
