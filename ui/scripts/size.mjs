// Prints what the first page loads, and fails where its JavaScript is more than was promised.
import { readFileSync, rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 150_000;
const FIRST = 'src/pages/fleet/Fleet.svelte';

const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'));
const files = new Set();
const seen = new Set();

function take(name) {
  if (seen.has(name)) return;
  seen.add(name);
  const chunk = manifest[name];
  files.add(chunk.file);
  for (const style of chunk.css ?? []) files.add(style);
  for (const next of chunk.imports ?? []) take(next);
}
take('index.html');
take(FIRST);

const size = (kind) =>
  [...files]
    .filter((file) => file.endsWith(kind))
    .reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0);
const js = size('.js');
// Only this script reads the manifest: the binary carries what browsers ask for.
rmSync('dist/.vite', { recursive: true });
console.log(`first page: ${js} bytes of JavaScript, ${size('.css')} bytes of CSS, compressed`);
if (js > LIMIT) {
  console.error(`that is more than ${LIMIT}`);
  process.exit(1);
}
