// Grants as sentences and as text, and what changes from one set of them to another.
import { grantWords, permissionWords, thingsWord } from '$/messages/grants';

export interface Given {
  permission: string;
  scopes: string[];
}

/** As the other machine tells what it gives: what it leaves out it may keep to itself. */
export type Received = Given & { withExceptions?: boolean };

/** In the order in which they are shown. */
export const PERMISSIONS = Object.keys(permissionWords);
const UNSCOPED = 'send-shared-repos';

export function isScoped(permission: string): boolean {
  return permission !== UNSCOPED;
}

/** A grant without a positive scope gives nothing. */
export function givesNothing({ permission, scopes }: Given): boolean {
  return isScoped(permission) && !scopes.some((scope) => !scope.startsWith('!'));
}

/** How much of a machine's plans it lets this one see. */
export function showsPlans(received: Received[]) {
  const sees = received.find(({ permission }) => permission === 'read-operations');
  if (!sees || givesNothing(sees)) return 'none';
  return sees.scopes.includes('*') && !excepts(sees) ? 'all' : 'some';
}

/** Whether something is left out, told or not. */
export function excepts({ withExceptions, scopes }: Received): boolean {
  return withExceptions === true || scopes.some((scope) => scope.startsWith('!'));
}

/** Whether it lets this one see its settings: changing them includes it. */
export function showsSettings(received: Given[]): boolean {
  return received.some(
    (grant) => ['read-config', 'write-config'].includes(grant.permission) && !givesNothing(grant),
  );
}

/** `see all operations but repo private` */
export function grantSentence(grant: Received): string {
  const words = permissionWords[grant.permission];
  if (!words) return grant.permission;
  if (givesNothing(grant)) return words.of(grantWords.nothing);
  const out = grant.scopes.filter((scope) => scope.startsWith('!'));
  const what =
    !isScoped(grant.permission) || grant.scopes.includes('*')
      ? words.all
      : words.of(thingsWord(grant.scopes.filter((scope) => !scope.startsWith('!'))));
  const said = out.length > 0 ? grantWords.but(what, thingsWord(out)) : what;
  return grant.withExceptions ? `${said}, ${grantWords.withExceptions}` : said;
}

/** All of them in one line, or that there is nothing. */
export function grantsSentence(grants: Received[]): string {
  if (grants.length === 0) return grantWords.nothing;
  return sorted(grants).map(grantSentence).join(', ');
}

export function sorted<T extends Given>(grants: T[]): T[] {
  const rank = ({ permission }: Given) => PERMISSIONS.indexOf(permission);
  return [...grants].sort((a, b) => rank(a) - rank(b));
}

/** As the command line takes it: `read-operations=*,!repo:private`. */
export function grantText({ permission, scopes }: Given): string {
  return isScoped(permission) ? `${permission}=${scopes.join(',')}` : permission;
}

/** What is run on the other machine, so that it lets the one of that name do more there. */
export function grantLine(
  to: string,
  { permission, scopes = ['*'] }: { permission: string; scopes?: string[] },
  received: Received[] = [],
): string {
  const line = `holdfast peer grant ${to} '${grantText({ permission, scopes })}'`;
  const now = received.find((grant) => grant.permission === permission);
  // A grant is added to what is there: exceptions stay until all of it is taken back.
  return now && excepts(now) ? `holdfast peer revoke ${to} ${permission} && ${line}` : line;
}

/** Only the two fields, so that messages and what is typed can be compared. */
export function plain(grants: Given[]): Given[] {
  return sorted(grants).map(({ permission, scopes }) => ({ permission, scopes: [...scopes] }));
}

export function sameGrants(a: Given[], b: Given[]): boolean {
  const text = (grants: Given[]) =>
    sorted(grants)
      .map(({ permission, scopes }) => grantText({ permission, scopes: [...scopes].sort() }))
      .join(' ');
  return text(a) === text(b);
}

export interface GrantChange {
  /** Taken away first: what is narrowed is never wider in between. */
  revoke: string[];
  grant: Given[];
}

/** How to get from one to the other, by the two calls there are. */
export function grantChange(from: Given[], to: Given[]): GrantChange {
  const before = new Map(from.map((grant) => [grant.permission, grant]));
  const after = new Map(to.map((grant) => [grant.permission, grant]));
  const revoke: string[] = [];
  for (const [permission, { scopes }] of before) {
    const next = after.get(permission);
    if (!next || scopes.some((scope) => !next.scopes.includes(scope))) revoke.push(permission);
  }
  const changed = to.filter((grant) => {
    const old = before.get(grant.permission);
    return !old || revoke.includes(grant.permission) || !sameGrants([old], [grant]);
  });
  return { revoke, grant: changed };
}
