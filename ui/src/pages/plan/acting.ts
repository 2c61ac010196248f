// What can be done with a plan of this machine. What can be taken back is not asked, but undone.
import { api } from '$/api';
import { router } from '$/app/router.svelte';
import { urls } from '$/app/urls';
import { toasts } from '$/components/toasts.svelte';
import { momentWithin } from '$/format';
import type { AddPlanRequest } from '$/gen/holdfast/api/v1/api_pb';
import { clock, overview } from '$/live';
import { words as common } from '$/messages';
import { fullName, type Row } from '../fleet/rows';
import { plan as words } from './words';

const did = words.did;

async function looked(): Promise<void> {
  await overview().refresh();
}

/** Without an end: until somebody resumes it. */
export async function pause(row: Row, until?: string): Promise<void> {
  await api.plans.pause({ plan: row.plan.id, until });
  const name = fullName(row);
  toasts.show({
    text: until ? did.pausedUntil(name, momentWithin(until, clock.now)) : did.paused(name),
    icon: 'pause',
    tone: 'off',
    action: { word: common.toast.undo, run: () => resume(row, false) },
  });
  await looked();
}

export async function resume(row: Row, told = true): Promise<void> {
  const before = row.plan.pausedUntil;
  await api.plans.resume({ plan: row.plan.id });
  if (told)
    toasts.show({
      text: did.resumed(fullName(row)),
      icon: 'ok',
      tone: 'ok',
      action: { word: common.toast.undo, run: () => pause(row, before) },
    });
  await looked();
}

/** Without an end: no longer. */
export async function snooze(row: Row, until?: string): Promise<void> {
  const before = row.fleet.snoozedUntil;
  await setSnooze(row, until);
  const name = fullName(row);
  toasts.show({
    text: until ? did.snoozed(name, momentWithin(until, clock.now)) : did.woken(name),
    icon: 'pause',
    tone: 'off',
    action: { word: common.toast.undo, run: () => setSnooze(row, before) },
  });
}

async function setSnooze({ plan, machine }: Row, until: string | undefined): Promise<void> {
  await api.fleet.snooze({ plan: plan.id, peer: machine.here ? undefined : machine.keyId, until });
  await looked();
}

export async function enable(row: Row, enabled: boolean, told = true): Promise<void> {
  await api.plans.edit({ plan: row.plan.id, enabled });
  const name = fullName(row);
  if (told)
    toasts.show({
      text: enabled ? did.on(name) : did.off(name),
      action: { word: common.toast.undo, run: () => enable(row, !enabled, false) },
    });
  await looked();
}

export async function remove(row: Row): Promise<void> {
  await api.plans.remove({ plan: row.plan.id });
  toasts.show({
    text: did.removed(fullName(row)),
    action: { word: common.toast.undo, run: () => restore(row.plan.id) },
  });
  router.go(row.machineHref);
  await looked();
}

export async function restore(plan: string): Promise<void> {
  await api.plans.restore({ plan });
  toasts.show({ text: did.restored(plan), icon: 'ok', tone: 'ok' });
  await looked();
}

export async function forget(row: Row): Promise<void> {
  const { editing } = await import('$/api/editing');
  const operation = await editing.upkeep.start({
    repo: row.plan.repo,
    kind: 'forget',
    plan: row.plan.id,
  });
  toasts.show({
    text: did.forgets(fullName(row)),
    icon: 'run',
    tone: 'run',
    action: { word: did.open, run: () => router.go(urls.operation(operation.id)) },
  });
}

/** As it is written, under another name, and switched off until somebody looked at it. */
export async function duplicate(machine: string, written: AddPlanRequest, name: string) {
  await api.plans.add({ ...written, plan: name, enabled: false, revision: undefined });
  toasts.show({ text: did.duplicated(name), icon: 'ok', tone: 'ok' });
  await looked();
  router.go(urls.plan(machine, name));
}
