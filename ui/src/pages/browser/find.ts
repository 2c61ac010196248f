// What is sought and in which snapshots, as the address has it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { between } from '$/format';
import type { FindRequestSchema } from '$/gen/holdfast/api/v1/api_pb';
import type { Group } from './groups';
import { pattern } from './paths';

export interface Search {
  finding: string;
  /** Of other plans and machines too. */
  wide: boolean;
  /** Capitals are other letters. */
  letters: boolean;
  /** Only in the newest snapshot of each plan. */
  newest: boolean;
  from?: string;
  until?: string;
}

/** Every name of it in the address, to leave the search. */
export const NOWHERE = {
  find: undefined,
  in: undefined,
  letters: undefined,
  newest: undefined,
  from: undefined,
  until: undefined,
};

export function searchOf(query: URLSearchParams, { plan }: Group): Search {
  return {
    finding: query.get('find') ?? '',
    wide: query.get('in') === 'repo' || !plan,
    letters: query.has('letters'),
    newest: query.has('newest'),
    from: query.get('from') ?? undefined,
    until: query.get('until') ?? undefined,
  };
}

/** More than what is sought and whose: shown without asking for it. */
export function isNarrowed({ letters, newest, from, until }: Search): boolean {
  return letters || newest || Boolean(from ?? until);
}

export function findRequest(
  repo: string,
  { plan, instance }: Group,
  search: Search,
): MessageInitShape<typeof FindRequestSchema> {
  return {
    pattern: pattern(search.finding),
    ignoreCase: !search.letters,
    among: {
      repo,
      ...(search.wide ? {} : { plan, instance }),
      ...between(search.from, search.until),
      latest: search.newest ? 1 : undefined,
    },
  };
}
