// The instance that is measured: a daemon of its own in a temporary folder, with the logs of many
// machines in it.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Daemon } from '../browser/daemon.mjs';
import { MACHINES, PLANS } from './scale.mjs';

const SEED = resolve(process.env.SEED ?? '../target/release/examples/seed');
const WARM = 5;
const run = promisify(execFile);

export async function instance(scale) {
  const daemon = await Daemon.prepare('nas');
  leaveNothing(daemon);
  try {
    const shape = { peers: MACHINES, plans: PLANS, runs: scale.runs };
    const words = Object.entries(shape).flatMap(([name, many]) => [`--${name}`, String(many)]);
    await run(SEED, ['--data-dir', join(daemon.folder, 'data'), ...words]);
    await daemon.run();
    for (let i = 0; i < WARM; i += 1) await ask(daemon, 'FleetService/Overview', {});
  } catch (error) {
    await daemon.stop();
    throw error;
  }
  return daemon;
}

/** However this ends: by itself, by an error, or by Ctrl-C. */
function leaveNothing(daemon) {
  process.once('exit', () => {
    daemon.process?.kill('SIGKILL');
    rmSync(daemon.folder, { recursive: true, force: true });
  });
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}

/** A call of the JSON API; what it answered, as text. */
export async function ask(daemon, method, input) {
  const answer = await fetch(`${daemon.url}/api/v1/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} answered ${answer.status}: ${text}`);
  return text;
}

/** How long a call took until the whole answer was there, in milliseconds. */
export async function timed(daemon, method, input) {
  const begun = performance.now();
  const text = await ask(daemon, method, input);
  return { ms: performance.now() - begun, text };
}
