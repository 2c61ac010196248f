// A component on a page of its own, before a made-up daemon.
import { mount, unmount, type Component } from 'svelte';
import { onTestFinished, vi } from 'vitest';
import { api } from '$/api';
import { useTransport } from '$/api/transport';
import { fixtureTransport } from '$/fixtures';
import { who } from '$/live';

export async function mounted<P extends Record<string, unknown>>(
  mode: string,
  component: Component<P>,
  props: P,
): Promise<HTMLElement> {
  useTransport(fixtureTransport(mode));
  who.is(await api.session.whoAmI({}));
  const target = document.body.appendChild(document.createElement('main'));
  const made = mount(component, { target, props });
  onTestFinished(async () => {
    await unmount(made);
    target.remove();
  });
  return target;
}

/** Waits until that is read on the page. */
export async function reads(page: HTMLElement, text: string | RegExp): Promise<void> {
  await vi.waitFor(() => {
    const said = page.textContent?.replace(/\s+/g, ' ') ?? '';
    if (typeof text === 'string' ? !said.includes(text) : !text.test(said))
      throw new Error(`${text} is not among: ${said}`);
  });
}
