// Why a setting cannot be changed: the role of who looks, else the file that cannot be written.
import { who } from '$/live';
import { words } from '$/messages';
import { notifyWords } from './notify-words';

export function lockedBy(locked: boolean): string | undefined {
  if (!locked) return undefined;
  return who.may('admin') ? notifyWords.fileShut : words.needsRole('admin');
}
