// What can be done with a machine, and with all of its plans at once.
import { api } from '$/api';
import { editing } from '$/api/editing';
import { router } from '$/app/router.svelte';
import { urls } from '$/app/urls';
import { toasts } from '$/components/toasts.svelte';
import type { Machine } from '$/gen/holdfast/api/v1/fleet_pb';
import { overview } from '$/live';
import { words as common } from '$/messages';
import type { Row } from '../fleet/rows';
import { machine as words } from './words';

const acts = words.acts;

/** Those that a schedule runs. */
export function canPause(plans: Row[]): Row[] {
  return plans.filter(({ plan, paused }) => plan.enabled && !paused);
}

export function canResume(plans: Row[]): Row[] {
  return plans.filter(({ paused }) => paused);
}

export async function pauseAll(plans: Row[], told = true): Promise<void> {
  for (const { plan } of plans) await api.plans.pause({ plan: plan.id });
  if (told)
    toasts.show({
      text: acts.paused(plans.length),
      icon: 'pause',
      tone: 'off',
      action: { word: common.toast.undo, run: () => resumeAll(plans, false) },
    });
  await overview().refresh();
}

export async function resumeAll(plans: Row[], told = true): Promise<void> {
  for (const { plan } of plans) await api.plans.resume({ plan: plan.id });
  if (told)
    toasts.show({
      text: acts.resumed(plans.length),
      icon: 'ok',
      tone: 'ok',
      action: { word: common.toast.undo, run: () => pauseAgain(plans) },
    });
  await overview().refresh();
}

/** Until when each was paused before. */
async function pauseAgain(plans: Row[]): Promise<void> {
  for (const { plan } of plans) await api.plans.pause({ plan: plan.id, until: plan.pausedUntil });
  await overview().refresh();
}

export async function unlock(repo: string): Promise<void> {
  await editing.upkeep.start({ repo, kind: 'unlock' });
  toasts.show({ text: words.repos.unlocked(repo), icon: 'run', tone: 'run' });
}

export async function remove({ keyId }: Machine, name: string): Promise<void> {
  const { disabledPlans } = await api.peers.remove({ peer: keyId });
  const text =
    disabledPlans.length > 0 ? words.remove.stopped(name, disabledPlans) : words.remove.done(name);
  toasts.show({ text });
  router.go(urls.fleet());
  await overview().refresh();
}

export async function rename(machine: Machine, label: string): Promise<void> {
  await api.peers.rename({ peer: machine.keyId, label });
  toasts.show({ text: words.rename.done(label || machine.instance), icon: 'ok', tone: 'ok' });
  await overview().refresh();
}
