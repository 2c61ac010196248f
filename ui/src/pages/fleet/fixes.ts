// What the button of a trouble does. The daemon says which one fits; nothing else is offered.
import { api } from '$/api';
import { urls } from '$/app/urls';
import { toasts } from '$/components/toasts.svelte';
import { momentWithin } from '$/format';
import { clock, overview, type Role } from '$/live';
import { words as common } from '$/messages';
import { fullName, type Row } from './rows';
import { begin } from './running';
import { offeredIn, take, type Offered } from './taking';
import { fleet } from './words';

export interface Fix {
  kind: string;
  word: string;
  /** The least role that may do it. */
  role: Role;
  /** It is a page to go to. */
  href?: string;
  /** It is asked first. */
  asks?: boolean;
  /** A repo that is missed. */
  offered?: Offered;
}

/** The fix that all of them share, as they have one cause. */
export function fixOf(rows: Row[]): Fix | undefined {
  const [row] = rows;
  const kind = row?.fleet.fix;
  if (!row) return undefined;
  if (!kind) return missedBy(row);
  const words = fleet.needs;
  const role = 'operator';
  switch (kind) {
    case 'run':
      return { kind, role, word: words.run(rows.length) };
    case 'retry':
      return { kind, role, word: words.retry(rows.length) };
    case 'resume':
      return { kind, role, word: words.resume };
    case 'unlock':
      return { kind, role, word: words.unlock, asks: true };
    case 'test-peer':
      return { kind, role, word: words.test, href: `${urls.peer(row.fleet.keyId)}?test=1` };
    case 'open-log':
      return { kind, role: 'viewer', word: words.log, href: logOf(row) };
    default:
      // `enable`, and what a newer daemon may say: its page shows what can be done.
      return { kind, role: 'viewer', word: words.openPlan, href: row.planHref };
  }
}

/** What a plan of this machine is disabled for. */
function missedBy({ machine, plan }: Row): Fix | undefined {
  const offered = machine.here ? offeredIn(plan.disabledReason) : undefined;
  if (!offered) return undefined;
  const word = fleet.taking.act(offered.repo, offered.peer);
  return { kind: 'take', role: 'admin', word, offered };
}

function logOf(row: Row): string {
  return urls.operations({ peer: row.param, plan: row.plan.id, kind: 'backup' });
}

/** Does it for each of them; what cannot be done for one does not keep it from the others. */
export async function perform(fix: Fix, rows: Row[]): Promise<void> {
  if (fix.offered) return take(fix.offered);
  if (fix.kind === 'unlock') await unlock(rows);
  const words = fleet.needs;
  const done: Row[] = [];
  const queued: Row[] = [];
  const failed: unknown[] = [];
  for (const row of rows) {
    try {
      if (fix.kind === 'resume') await api.plans.resume({ plan: row.plan.id });
      const waits = fix.kind !== 'resume' && (await begin(row)).queued;
      (waits ? queued : done).push(row);
    } catch (thrown) {
      failed.push(thrown);
    }
  }
  const text = fix.kind === 'resume' ? words.resumed : words.started;
  if (done.length > 0) toasts.show({ text: text(what(done)), icon: 'run', tone: 'run' });
  if (queued.length > 0)
    toasts.show({ text: words.queued(what(queued)), icon: 'unseen', tone: 'off' });
  void overview().refresh();
  if (failed.length > 0) throw failed[0];
}

async function unlock(rows: Row[]): Promise<void> {
  // Not part of the first page: it is needed once a month.
  const { editing } = await import('$/api/editing');
  const repos = new Set(rows.map(({ plan }) => plan.repo));
  for (const repo of repos) await editing.upkeep.start({ repo, kind: 'unlock' });
}

/** Out of what needs somebody until then; the toast takes it back. */
export async function snooze(rows: Row[], until: string): Promise<void> {
  await setSnooze(rows, until);
  toasts.show({
    text: fleet.needs.snoozed(what(rows), momentWithin(until, clock.now)),
    icon: 'pause',
    tone: 'off',
    action: { word: common.toast.undo, run: () => setSnooze(rows, undefined) },
  });
}

async function setSnooze(rows: Row[], until: string | undefined): Promise<void> {
  for (const { plan, machine } of rows) {
    await api.fleet.snooze({
      plan: plan.id,
      peer: machine.here ? undefined : machine.keyId,
      until,
    });
  }
  await overview().refresh();
}

export function what(rows: Row[]): string {
  const [row] = rows;
  return rows.length === 1 && row ? fullName(row) : fleet.needs.several(rows.length);
}
