// A component as a page draws it, with the made-up daemon behind it.
import { flushSync, mount, unmount, type Component } from 'svelte';
import { useTransport } from '$/api/transport';
import { fixtureTransport } from '$/fixtures';
import { who } from '$/live';

/** Of a mode of src/fixtures/world.ts: also who it is that looks. */
export async function lookingAs(mode: string): Promise<void> {
  useTransport(fixtureTransport(mode));
  await who.ask();
}

const drawnNow: ReturnType<typeof mount>[] = [];

export function drawn<Props extends Record<string, unknown>>(
  component: Component<Props>,
  props: Props,
): HTMLElement {
  const target = document.createElement('div');
  document.body.append(target);
  drawnNow.push(mount(component, { target, props }));
  flushSync();
  return target;
}

/** After each test. */
export async function clear(): Promise<void> {
  for (const one of drawnNow.splice(0)) await unmount(one);
  document.body.replaceChildren();
}

/** What came meanwhile is drawn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((go) => setTimeout(go));
  flushSync();
}

export const textOf = (element: Element | null) =>
  (element?.textContent ?? '').replace(/\s+/g, ' ').trim();

/** Presses the button or link of that name, as it is read out. */
export function press(within: Element, name: string): void {
  const all = [...within.querySelectorAll<HTMLElement>('button, a')];
  const bare = (text: string | null) => text?.replace(/\s/g, '');
  const found = all.find((each) =>
    [each.textContent, each.getAttribute('aria-label')].some((text) => bare(text) === bare(name)),
  );
  if (!found) throw new Error(`no ${name} among ${all.map(textOf).join(', ')}`);
  found.click();
  flushSync();
}
