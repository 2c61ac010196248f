// What is started from here: a backup of this machine or of another, and upkeep there.
import { api } from '$/api';
import { router } from '$/app/router.svelte';
import { urls } from '$/app/urls';
import { toasts } from '$/components/toasts.svelte';
import type { PeerCommand } from '$/gen/holdfast/api/v1/command_pb';
import { overview } from '$/live';
import { words as common } from '$/messages';
import { fullName, type Row } from './rows';
import { fleet } from './words';

const words = fleet.running;

/** What came of it: an operation, or a command that waits for its machine. */
export interface Begun {
  operation?: string;
  queued?: PeerCommand;
}

/** A machine that is away is asked once it is back. */
export async function begin({ machine, plan }: Row): Promise<Begun> {
  if (machine.here) return { operation: (await api.plans.backup({ plan: plan.id })).id };
  return beginThere(machine.keyId, { kind: 'backup', plan: plan.id });
}

export async function beginThere(
  peer: string,
  what: { kind: string; plan?: string; repo?: string },
): Promise<Begun> {
  const { commands } = await import('$/api/commands');
  const sent = await commands.send({ peer, ...what, queue: true });
  return sent.state === 'done' ? { operation: sent.operation } : { queued: sent };
}

export async function runNow(row: Row): Promise<void> {
  tell(fullName(row), row.machineName, await begin(row));
  await overview().refresh();
}

/** The upkeep of a repo of another machine, or the forget of a plan there. */
export async function keep(
  { keyId, name }: { keyId: string; name: string },
  what: { kind: string; repo?: string; plan?: string },
): Promise<void> {
  // Not part of the first page.
  const { whatOf } = await import('../operations/words');
  const of = whatOf(what.kind, words.upkeep(name, what.repo ?? what.plan ?? ''));
  tell(of, name, await beginThere(keyId, what));
}

/** Of one that waits: until when, and Undo where it was not sent yet. */
export function tell(name: string, machine: string, { operation, queued }: Begun): void {
  if (queued) tellQueued(name, machine, queued);
  else
    toasts.show({
      text: words.runs(name),
      icon: 'run',
      tone: 'run',
      action: operation
        ? { word: words.open, run: () => router.go(urls.operation(operation)) }
        : undefined,
    });
}

async function withdraw(id: string): Promise<void> {
  const { commands } = await import('$/api/commands');
  await commands.withdraw({ id });
}

function tellQueued(name: string, machine: string, { id, state }: PeerCommand): void {
  if (state === 'sent') {
    toasts.show({ text: words.sent(name, machine), icon: 'wait', tone: 'off' });
    return;
  }
  toasts.show({
    text: words.queued(name, machine),
    icon: 'unseen',
    tone: 'off',
    action: { word: common.toast.undo, run: () => withdraw(id) },
  });
}
