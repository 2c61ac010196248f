// The table: figure, measured, goal, met or missed. As benches/figures/report.rs has it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { dirname } from 'node:path';

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const worst = (values) => Math.max(...values);

function amount(value, unit) {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${text} ${unit}`;
}

// Processes that ran or waited for a core a moment ago, as the kernel averages them over a minute.
const load = () => loadavg()[0].toFixed(1);

function machine() {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores (${model}), ${memory} GiB of memory`;
}

export class Report {
  constructor(scale) {
    this.scale = { operations: scale.operations, files: scale.files, repeats: scale.repeats };
    this.figures = [];
    this.since = Date.now();
    this.load = load();
  }

  /** What repetitions came to: the median counts, the worst is told. */
  several(figure, values, unit, atMost, note = '') {
    const told = `worst ${amount(worst(values), unit)} of ${values.length}`;
    this.add(figure, median(values), unit, atMost, note ? `${told}; ${note}` : told);
  }

  /** As `several`, and the worst counts. */
  worstOf(figure, values, unit, atMost, note = '') {
    const told = `worst of ${values.length}, median ${amount(median(values), unit)}`;
    this.add(figure, worst(values), unit, atMost, note ? `${told}; ${note}` : told);
  }

  add(figure, measured, unit, atMost, note = '') {
    const met = atMost === undefined ? null : measured <= atMost;
    this.figures.push({ figure, measured, unit, goal: atMost ?? null, met, note });
    console.log(
      `${String(this.seconds()).padStart(5)} s  ${figure}: ${amount(measured, unit)} ${note}`,
    );
  }

  seconds() {
    return Math.round((Date.now() - this.since) / 1000);
  }

  finish(file) {
    const busy = `${this.load} at the beginning, ${load()} at the end`;
    console.log(`\n${machine()}; load ${busy}`);
    console.log(`scale ${JSON.stringify(this.scale)}, ${this.seconds()} s in all\n`);
    console.log('| figure | measured | goal | | how to read it |\n|---|---|---|---|---|');
    for (const { figure, measured, unit, goal, met, note } of this.figures) {
      const wanted = goal === null ? '' : `≤ ${amount(goal, unit)}`;
      const verdict = met === null ? '' : met ? 'met' : '**missed**';
      console.log(`| ${figure} | ${amount(measured, unit)} | ${wanted} | ${verdict} | ${note} |`);
    }
    const document = { machine: machine(), load: busy, scale: this.scale, figures: this.figures };
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify({ ...document, seconds: this.seconds() }, null, 2)}\n`);
  }
}
