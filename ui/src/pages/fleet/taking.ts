// A repo of a peer that was removed here, or that plans are not led to by themselves: taken on request.
import { api } from '$/api';
import { toasts, type Toast } from '$/components/toasts.svelte';
import { sentence } from '$/format';
import { overview } from '$/live';
import { words as common } from '$/messages';
import { fleet } from './words';

export interface Offered {
  repo: string;
  peer: string;
}

const words = fleet.taking;
const LINE = /`holdfast repo add (\S+) --from ([^\s`]+)`/;

/** As the daemon says it for a shell. Only of this machine: a peer's reason means the peer. */
export function offeredIn(told: string | undefined): Offered | undefined {
  const [, repo, peer] = LINE.exec(told ?? '') ?? [];
  return repo && peer ? { repo, peer } : undefined;
}

export async function take({ repo, peer }: Offered): Promise<void> {
  const { conflict, reason } = await api.repos.take({ repo, peer });
  const but = conflict ?? reason;
  toasts.show(
    but
      ? { text: words.takenBut(repo, sentence(but)), icon: 'wait', tone: 'off' }
      : { text: words.taken(repo), icon: 'ok', tone: 'ok' },
  );
  await overview().refresh();
}

/** For the toast of a removal, which stays and says why where it fails. */
export function takingBack(offered: Offered): Toast['action'] {
  return { word: common.toast.undo, run: () => take(offered) };
}
