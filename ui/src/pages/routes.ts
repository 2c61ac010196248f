// Which page shows which address. A page is loaded when it is first gone to.
import type { Component } from 'svelte';
import { words } from '$/messages';

/** What a page gets: the named parts of its address. */
export interface PageProps {
  params: Record<string, string>;
}

/** A page that needs nothing of its address takes no props. */
export type PageComponent = Component<PageProps> | Component<Record<string, never>>;

export interface Route {
  /** What the rail marks as current. */
  place: 'fleet' | 'operations' | 'restore' | 'peers' | 'settings' | 'machine' | 'none';
  /** Of the window, and read out after going there. */
  title: string;
  load(): Promise<{ default: PageComponent }>;
  /** Without rail and tabs: before there is anybody. */
  bare?: boolean;
}

const machine = { place: 'machine' } as const;

/** The first that fits: what is written out comes before what is named. */
export const routes: Record<string, Route> = {
  '/': { place: 'fleet', title: words.nav.fleet, load: () => import('./fleet/Fleet.svelte') },
  '/welcome': {
    place: 'none',
    title: words.page.welcome,
    load: () => import('./welcome/Welcome.svelte'),
    bare: true,
  },
  '/login': {
    place: 'none',
    title: words.page.login,
    load: () => import('./login/Login.svelte'),
    bare: true,
  },
  '/m/:machine': {
    ...machine,
    title: words.page.machine,
    load: () => import('./machine/Machine.svelte'),
  },
  '/m/:machine/plan/new': {
    ...machine,
    title: words.page.newPlan,
    load: () => import('./plan-editor/PlanEditor.svelte'),
  },
  '/m/:machine/plan/:plan': {
    ...machine,
    title: words.page.plan,
    load: () => import('./plan/Plan.svelte'),
  },
  '/m/:machine/plan/:plan/edit': {
    ...machine,
    title: words.page.editPlan,
    load: () => import('./plan-editor/PlanEditor.svelte'),
  },
  '/m/:machine/repo/new': {
    ...machine,
    title: words.page.newRepo,
    load: () => import('./repo-editor/RepoEditor.svelte'),
  },
  '/m/:machine/repo/:repo': {
    ...machine,
    title: words.page.repo,
    load: () => import('./repo/Repo.svelte'),
  },
  '/m/:machine/repo/:repo/edit': {
    ...machine,
    title: words.page.editRepo,
    load: () => import('./repo-editor/RepoEditor.svelte'),
  },
  '/m/:machine/repo/:repo/snap/:snapshot/*path': {
    place: 'restore',
    title: words.page.snapshot,
    load: () => import('./browser/Browser.svelte'),
  },
  '/restore': {
    place: 'restore',
    title: words.nav.restore,
    load: () => import('./restore/Restore.svelte'),
  },
  '/ops': {
    place: 'operations',
    title: words.nav.operations,
    load: () => import('./operations/Operations.svelte'),
  },
  '/ops/:operation': {
    place: 'operations',
    title: words.nav.operations,
    load: () => import('./operations/Operations.svelte'),
  },
  '/peers': { place: 'peers', title: words.nav.peers, load: () => import('./peers/Peers.svelte') },
  '/peers/token': {
    place: 'peers',
    title: words.nav.peers,
    load: () => import('./peers/Peers.svelte'),
  },
  '/peers/join': {
    place: 'peers',
    title: words.page.join,
    load: () => import('./join/Join.svelte'),
  },
  '/peers/:peer': {
    place: 'peers',
    title: words.nav.peers,
    load: () => import('./peers/Peers.svelte'),
  },
  '/settings': {
    place: 'settings',
    title: words.nav.settings,
    load: () => import('./settings/Settings.svelte'),
  },
  '/settings/:section': {
    place: 'settings',
    title: words.nav.settings,
    load: () => import('./settings/Settings.svelte'),
  },
};

/** Where most go next, one after another. */
const AHEAD = ['/m/:machine', '/m/:machine/plan/:plan', '/ops', '/peers', '/restore', '/settings'];
/** By then what was come for is drawn. */
const AFTER_MS = 1000;

/** Loads pages before somebody goes there, one at a time. Returns what stops it. */
export function loadAhead(): () => void {
  const todo = [...AHEAD];
  let timer = setTimeout(next, AFTER_MS);
  function next() {
    const path = todo.shift();
    if (path === undefined) return;
    // Who goes there asks again, and is told why it fails.
    void routes[path]?.load().catch(() => undefined);
    timer = setTimeout(next, AFTER_MS / 4);
  }
  return () => clearTimeout(timer);
}
