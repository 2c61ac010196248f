// Pages of operations by each filter, as a script asks for them over HTTP: few, none, or very many
// that match. The same as benches/figures/api.rs asks on the socket.
import { MACHINES } from './scale.mjs';
import { timed } from './instance.mjs';

const FILTER_MS = 100;
const MACHINE = `peer-${String(MACHINES / 2).padStart(5, '0')}`;
const PLAN = 'plan-0003';

const FILTERS = [
  ['newest', {}],
  ['of one machine', { peers: [MACHINE] }],
  ['of a plan of every machine', { plans: [PLAN] }],
  ['of a repo of every machine', { repos: ['vault'] }],
  ['of a repo that is not there', { repos: ['none'] }],
  ['of a kind that is rare', { kinds: ['restore'] }],
  ['of a kind that never was', { kinds: ['prune'] }],
  ['failed', { statuses: ['failed'] }],
  ['lost, of which there is none', { statuses: ['lost'] }],
  ['failed forgets, of which there is none', { kinds: ['forget'], statuses: ['failed'] }],
  ['restores of one plan of one machine', { kinds: ['restore'], peers: [MACHINE], plans: [PLAN] }],
  ['before all', { until: '2020-01-01T00:00:00Z' }],
  ['containing a sentence of many', { contains: 'cannot be reached' }],
  ['containing a sentence of few', { contains: '973 files' }],
  ['containing a plan', { contains: PLAN }],
  ['containing nothing that is there', { contains: 'no such words' }],
  ['containing a plan, lost, of which there is none', { contains: PLAN, statuses: ['lost'] }],
  ['500 at once', { limit: 500 }],
];

export async function filters({ daemon, report, scale }) {
  for (const [name, filter] of FILTERS) {
    const taken = [];
    let found = 0;
    for (let i = 0; i < scale.repeats; i += 1) {
      const { ms, text } = await timed(daemon, 'OperationService/Page', filter);
      taken.push(ms);
      found = JSON.parse(text).operations.length;
    }
    report.worstOf(`filter: ${name}`, taken, 'ms', FILTER_MS, `${found} on the page`);
  }
}
