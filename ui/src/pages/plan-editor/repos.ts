// What is said of a repo that a plan may back up to.
import { momentWithin, sentence } from '$/format';
import type { Repo } from '$/gen/holdfast/api/v1/api_pb';
import { clock } from '$/live';
import { editor } from './words';

/** `server, off-site; nas’s own`; of a shared one what choosing it means. */
export function consequence(repo: Repo, machine: string): string {
  const isTheirs = repo.origin !== undefined;
  const place = [repo.kind, repo.place].filter(Boolean).join(', ');
  const owner = repo.originInstance ?? repo.origin ?? '';
  const whose = isTheirs ? editor.shared(owner) : editor.own(machine);
  const means = isTheirs ? editor.sharedMeans(owner) : repo.shared ? editor.sharedOut : '';
  const unsaid = isTheirs ? '' : editor.noPlace;
  return [place || unsaid, whose, means].filter(Boolean).join('; ');
}

function reason(repo: Repo): string | undefined {
  const why = repo.conflict ?? repo.reason;
  return why && sentence(why);
}

/** How it is, and why where that is not as it should be; else when it was checked. */
export function standing(repo: Repo): { text: string; why?: string; isBad: boolean } {
  if (repo.state !== 'ready')
    return { text: editor.states[repo.state] ?? repo.state, why: reason(repo), isBad: true };
  const text = repo.lastCheck
    ? editor.checked(momentWithin(repo.lastCheck, clock.now))
    : editor.unchecked;
  return { text, isBad: false };
}

/** Who decides how long, where it is not this machine. */
export function decidesHowLong(repos: Repo[], id: string): string | undefined {
  const repo = repos.find((each) => each.id === id);
  return repo?.origin === undefined ? undefined : (repo.originInstance ?? repo.origin);
}
