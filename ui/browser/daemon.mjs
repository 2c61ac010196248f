// A real daemon in a folder of its own, with the command line beside it.
import assert from 'node:assert/strict';
import { spawn, execFile } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const PROGRAM = resolve(process.env.HOLDFAST ?? '../target/debug/holdfast');
const STARTED_WITHIN = 60_000;
const run = promisify(execFile);

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// Waits until `look` answers something; its last error is told when time is up.
export async function until(what, look, within = 30_000) {
  const end = Date.now() + within;
  let last;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${what}: not within ${within} ms${last ? `: ${last.message}` : ''}`);
}

export class Daemon {
  // `more`: further lines of its config.
  static async start(instance, more = '') {
    const daemon = await Daemon.prepare(instance, more);
    await daemon.run();
    return daemon;
  }

  // With a folder and a config, and not yet running.
  static async prepare(instance, more = '') {
    const daemon = new Daemon();
    daemon.folder = mkdtempSync(join(tmpdir(), 'holdfast-ui-'));
    daemon.port = await freePort();
    daemon.url = `http://127.0.0.1:${daemon.port}`;
    daemon.instance = instance;
    daemon.config = join(daemon.folder, 'config.toml');
    writeFileSync(
      daemon.config,
      `instance = "${instance}"\nlisten = ["127.0.0.1:${daemon.port}"]\nurls = ["${daemon.url}"]\n${more}`,
      { mode: 0o600 },
    );
    return daemon;
  }

  async run() {
    this.log = '';
    this.process = spawn(PROGRAM, ['run', ...this.where()], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process.stderr.on('data', (text) => (this.log += text));
    await until('the daemon answers', () => this.cli('status'), STARTED_WITHIN);
  }

  where() {
    return ['--config', this.config, '--data-dir', join(this.folder, 'data')];
  }

  async said(words) {
    const { stdout } = await run(PROGRAM, [...words, ...this.where(), '--json'], {
      maxBuffer: 64 << 20,
    });
    return stdout.trim();
  }

  // The document of a command.
  async cli(...words) {
    const text = await this.said(words);
    return text ? JSON.parse(text) : undefined;
  }

  // The documents of a command that has one a line.
  async list(...words) {
    const text = await this.said(words);
    return text ? text.split('\n').map((line) => JSON.parse(line)) : [];
  }

  // A folder with files in it, and its name.
  files(name, contents) {
    const folder = join(this.folder, name);
    for (const [path, text] of Object.entries(contents)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return folder;
  }

  async plan(plan, files) {
    const password = join(this.folder, 'password');
    writeFileSync(password, 'correct horse', { mode: 0o600 });
    await this.cli('repo', 'add', 'vault', join(this.folder, 'vault'), '--password-file', password);
    await this.cli('plan', 'add', plan, '--repo', 'vault', '--path', files, '--max-age', '36h');
  }

  // The text of its config file.
  written() {
    return readFileSync(this.config, 'utf8');
  }

  // Its config file is changed as by an editor in a terminal.
  edits(from, to) {
    const text = this.written();
    assert.match(text, from);
    writeFileSync(this.config, text.replace(from, to));
  }

  async kill() {
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGKILL');
    await ended;
  }

  async stop() {
    if (this.process?.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((done) => this.process.once('exit', done));
      this.process.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
