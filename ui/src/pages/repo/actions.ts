// Starting upkeep, and saying that it was.
import { api } from '$/api';
import { editing } from '$/api/editing';
import { router } from '$/app/router.svelte';
import { urls } from '$/app/urls';
import { toasts } from '$/components/toasts.svelte';
import type { Operation, Repo } from '$/gen/holdfast/api/v1/api_pb';
import { takingBack } from '../fleet/taking';
import { repoWords } from './words';

const words = repoWords.acts;

function told(kind: string, repo: string, operation: Operation): void {
  toasts.show({
    text: words.started(kind, repo),
    icon: 'run',
    tone: 'run',
    action: { word: words.open, run: () => router.go(urls.operation(operation.id)) },
  });
}

/** check, prune, stats, index, forget, unlock. */
export async function start(repo: string, kind: string, more: { all?: boolean } = {}) {
  const word = repoWords.upkeep.kinds[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1);
  told(word, repo, await editing.upkeep.start({ repo, kind, ...more }));
}

/** restic's subcommand and arguments; quotes keep spaces together. */
export async function command(repo: string, line: string): Promise<void> {
  const parts = line.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  const plain = parts.map((part) => part.replace(/^(["'])(.*)\1$/, '$2'));
  const operation = await editing.upkeep.start({ repo, kind: 'command', words: plain });
  router.go(urls.operation(operation.id));
}

export async function init(repo: string): Promise<void> {
  told(words.init, repo, await api.repos.init({ repo }));
}

/** What came from a peer can be taken again. */
export async function remove(machine: string, { id }: Repo): Promise<void> {
  const { disabledPlans, origin } = await api.repos.remove({ repo: id });
  toasts.show({
    text: words.removed(id, disabledPlans.join(', ')),
    action: origin ? takingBack({ repo: id, peer: origin }) : undefined,
  });
  router.go(urls.machine(machine));
}

/** Owned by this machine. */
export function own(repo: Repo): boolean {
  return repo.origin === undefined;
}
