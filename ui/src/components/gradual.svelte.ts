// A long list is drawn in steps, so that what is in sight is there before what is below the edge.
import { router } from '$/app/router.svelte';

/** The first of the items at once, and with each frame that was drawn as many more, to the last. */
export function gradual<T>(items: () => T[], step: number): { readonly items: T[] } {
  // Who comes back comes to where the page was scrolled to: all of it has to be there.
  let shown = $state(router.returned ? Infinity : step);
  $effect(() => {
    if (shown >= items().length) return;
    return afterFrame(() => (shown += step));
  });
  return {
    get items() {
      return items().slice(0, shown);
    },
  };
}

/** Once the next frame is drawn; answers how to call it off. */
function afterFrame(then: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const frame = requestAnimationFrame(() => (timer = setTimeout(then)));
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}
