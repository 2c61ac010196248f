// What Chrome itself records of a tab: its tasks, its frames, and the marks that we set. All times are
// milliseconds of the trace's own clock.
const CATEGORIES = [
  'blink.user_timing',
  'devtools.timeline',
  'disabled-by-default-devtools.timeline',
  'disabled-by-default-devtools.timeline.frame',
];

/** Longer tasks keep a frame from being drawn, and are felt. */
export const LONG_MS = 50;

/** Records while something is done in one tab. The browser does nothing else meanwhile. */
export async function traced(browser, doing) {
  const session = await browser.newBrowserCDPSession();
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: CATEGORIES, excludedCategories: ['*'] },
  });
  try {
    await doing();
  } finally {
    const ended = new Promise((then) => session.once('Tracing.tracingComplete', then));
    await session.send('Tracing.end');
    await ended;
    await session.detach();
  }
  return new Trace(events);
}

export class Trace {
  /** The thread that draws the page is the one on which it set a mark. */
  constructor(events) {
    const marked = events.find(({ name }) => name.startsWith('bench:'));
    if (!marked) throw new Error('the page set no mark while it was traced');
    this.process = events
      .filter(({ pid }) => pid === marked.pid)
      .map((event) => ({ ...event, at: event.ts / 1000, for: (event.dur ?? 0) / 1000 }))
      .sort((a, b) => a.at - b.at);
    this.main = this.process.filter(({ tid }) => tid === marked.tid);
  }

  mark(name) {
    return this.#one(`the mark ${name}`, this.main, (event) => event.name === `bench:${name}`).at;
  }

  /** When the browser began to go to an address. */
  navigation(url) {
    const isIt = ({ name, args }) =>
      name === 'navigationStart' && args.data?.documentLoaderURL?.startsWith(url);
    return this.#one('the navigation', this.main, isIt).at;
  }

  /** When a click or a key reached the page. */
  dispatched(type) {
    const isIt = ({ name, args }) => name === 'EventDispatch' && args.data?.type === type;
    return this.#one(`the event ${type}`, this.main, isIt).at;
  }

  /** When the first frame was drawn that has what the page had at that time. */
  drawn(after) {
    const commit = this.#one(
      'a commit',
      this.main,
      ({ name, ph, at }) => name === 'Commit' && ph === 'X' && at >= after,
    );
    const end = commit.at + commit.for;
    const frame = this.process.find(({ name, at }) => name === 'DrawFrame' && at >= end);
    // Without a frame after it there was nothing that had to be drawn anew.
    return frame?.at ?? end;
  }

  /** How long each task of the page's thread took, how long of it on a core, and what most of it was. */
  tasks(from, to) {
    return this.main
      .filter(({ name, at }) => name === 'RunTask' && at >= from && at <= to)
      .map((task) => ({
        ms: task.for,
        cpu: (task.tdur ?? task.dur) / 1000,
        what: this.#inside(task),
      }))
      .sort((a, b) => b.ms - a.ms);
  }

  frames(from, to) {
    return this.process.filter(({ name, at }) => name === 'DrawFrame' && at >= from && at <= to)
      .length;
  }

  #inside(task) {
    if (task.for < LONG_MS) return '';
    const parts = this.main
      .filter(({ name, at, for: length }) => {
        const within = at >= task.at && at + length <= task.at + task.for + 0.01;
        return within && name !== 'RunTask' && length >= task.for / 4;
      })
      .map(({ name, for: length }) => `${name} ${Math.round(length)}`);
    return [...new Set(parts)].join(', ');
  }

  #one(what, among, isIt) {
    const found = among.find(isIt);
    if (!found) throw new Error(`the trace has not ${what}`);
    return found;
  }
}
