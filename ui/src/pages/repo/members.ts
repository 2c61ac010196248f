// How a shared repo stands with a member, in a word.
import type { IconName } from '$/components/icons';
import { repoWords } from './words';

export interface MemberLook {
  tone: 'ok' | 'off' | 'bad';
  icon: IconName;
  word: string;
}

const { states } = repoWords.members;
const LOOKS: Record<string, MemberLook> = {
  taken: { tone: 'ok', icon: 'ok', word: states.taken },
  sent: { tone: 'off', icon: 'wait', word: states.sent },
  awaited: { tone: 'off', icon: 'wait', word: states.awaited },
  'not-granted': { tone: 'off', icon: 'wait', word: states.notGranted },
  leaving: { tone: 'off', icon: 'wait', word: states.leaving },
  deleted: { tone: 'off', icon: 'gone', word: states.deleted },
  conflict: { tone: 'bad', icon: 'refused', word: states.conflict },
  refused: { tone: 'bad', icon: 'refused', word: states.refused },
  'not-sent': { tone: 'bad', icon: 'fail', word: states.notSent },
};

/** A state that a newer daemon may have and this page does not know is shown as it is. */
export function memberLook(state: string): MemberLook {
  return LOOKS[state] ?? { tone: 'off', icon: 'wait', word: state };
}
