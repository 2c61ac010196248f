// With reduced motion nothing moves.
import { settled } from '../pages.mjs';

export async function moving(tab) {
  await tab.emulateMedia({ reducedMotion: 'reduce' });
  await settled(tab);
  const found = await tab.evaluate(() =>
    document
      .getAnimations()
      .filter(({ playState, effect }) => {
        const { duration, iterations } = effect.getComputedTiming();
        return playState === 'running' && duration > 1 && iterations > 0;
      })
      .map(({ effect }) => `moves: ${effect.target?.outerHTML.slice(0, 100)}`),
  );
  await tab.emulateMedia({ reducedMotion: 'no-preference' });
  return [...new Set(found)].slice(0, 3);
}
