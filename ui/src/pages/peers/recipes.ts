// What most people pair for, as grants and asks.
import type { Given } from '$/components/grants';

export interface Recipe {
  grants: Given[];
  asks: Given[];
}

const seeAll: Given = { permission: 'read-operations', scopes: ['*'] };

export const recipes = {
  none: (): Recipe => ({ grants: [], asks: [] }),
  /** This machine sees what the other does. */
  monitor: (): Recipe => ({ grants: [], asks: [seeAll] }),
  /** The other one backs up into a repo of this one. */
  share: (repo: string): Recipe => ({
    grants: [{ permission: 'receive-shared-repos', scopes: [`repo:${repo}`] }],
    asks: [seeAll, { permission: 'send-shared-repos', scopes: [] }],
  }),
  /** Besides: this machine runs and changes the plans of the other. */
  manage: (repo?: string): Recipe => {
    const base = repo ? recipes.share(repo) : recipes.monitor();
    return {
      grants: base.grants,
      asks: [
        ...base.asks,
        { permission: 'run-operations', scopes: ['*'] },
        { permission: 'write-config', scopes: ['*'] },
      ],
    };
  },
};

export type RecipeName = keyof typeof recipes;

/** `ed25519.ekQRSp…4bb830#nas`: enough to see which it is. */
export function shortToken(token: string): string {
  const [secret = '', instance = ''] = token.split('#');
  if (secret.length < 40) return token;
  return `${secret.slice(0, 18)}…${secret.slice(-6)}#${instance}`;
}
