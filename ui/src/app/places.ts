// The main places, in the rail and in the tabs of a phone.
import type { IconName } from '$/components/icons';
import { words } from '$/messages';
import type { Counts } from './counts';
import { urls } from './urls';

export interface Place {
  id: 'fleet' | 'operations' | 'restore' | 'peers' | 'settings';
  word: string;
  icon: IconName;
  href: string;
  count?: { of: keyof Counts; word: string; class: string };
}

export const places: Place[] = [
  {
    id: 'fleet',
    word: words.nav.fleet,
    icon: 'fleet',
    href: urls.fleet(),
    count: { of: 'needYou', word: words.nav.needYou, class: '' },
  },
  {
    id: 'operations',
    word: words.nav.operations,
    icon: 'ops',
    href: urls.operations(),
    count: { of: 'running', word: words.nav.running, class: 'run' },
  },
  { id: 'restore', word: words.nav.restore, icon: 'restore', href: urls.restore() },
  {
    id: 'peers',
    word: words.nav.peers,
    icon: 'peers',
    href: urls.peers(),
    count: { of: 'refused', word: words.nav.refused, class: '' },
  },
  { id: 'settings', word: words.nav.settings, icon: 'gear', href: urls.settings() },
];
