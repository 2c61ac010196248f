// Measures the goals of the web interface and prints them as a table and as JSON.
//
//   make bench-ui                    the whole, on 1,000,000 operations, 100 machines and 1,000 plans
//   make bench-ui QUICK=1            a small look
//   make bench-ui PART=pages,files   some parts: fleet, pages, filters, scrolling, files
//
// A real daemon, its interface as it serves it, a real Chromium and the traces that it records.
// TASKS=1 tells of each long task what most of it was. A goal that is missed is a line of the table,
// not a failure.
import { resolve } from 'node:path';
import { launch } from '../scripts/chromium.mjs';
import { files } from './files.mjs';
import { filters } from './filters.mjs';
import { fleet } from './fleet.mjs';
import { instance } from './instance.mjs';
import { pages } from './pages.mjs';
import { Report } from './report.mjs';
import { scale as ofEnvironment } from './scale.mjs';
import { scrolling } from './scrolling.mjs';

const JSON_FILE = resolve('../target/figures-ui.json');
const PARTS = { fleet, pages, filters, scrolling, files };

const scale = ofEnvironment();
const report = new Report(scale);
const daemon = await instance(scale);
const browser = await launch();
try {
  for (const [name, measure] of Object.entries(PARTS))
    if (scale.has(name)) await measure({ browser, daemon, report, scale });
} finally {
  await browser.close();
  await daemon.stop();
}
report.finish(JSON_FILE);
