// A component on a page of its own, before a made-up daemon.
import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { mount, unmount, type Component } from 'svelte';
import { onTestFinished, vi } from 'vitest';
import { api } from '$/api';
import { useTransport } from '$/api/transport';
import { fixtureTransport } from '$/fixtures';
import { who } from '$/live';

/** What was asked since the last component was mounted: `TokenService.create`, with what. */
export const asked: { method: string; message: unknown }[] = [];

export function lastAsked(method: string): unknown {
  return asked.findLast((one) => one.method === method)?.message;
}

function listening(transport: Transport): Transport {
  return {
    unary: <I extends DescMessage, O extends DescMessage>(
      ...call: Parameters<typeof transport.unary<I, O>>
    ) => {
      const [method, , , , message] = call as [DescMethodUnary<I, O>, ...unknown[]];
      const service = method.parent.name;
      asked.push({ method: `${service}.${method.localName}`, message });
      return transport.unary(...call);
    },
    stream: (...call) => transport.stream(...call),
  };
}

export async function mounted<P extends Record<string, unknown>>(
  mode: string,
  component: Component<P>,
  props: P,
): Promise<HTMLElement> {
  useTransport(listening(fixtureTransport(mode)));
  who.is(await api.session.whoAmI({}));
  asked.length = 0;
  const target = document.body.appendChild(document.createElement('main'));
  const made = mount(component, { target, props });
  onTestFinished(async () => {
    await unmount(made);
    target.remove();
  });
  return target;
}

const words = (element: Element) => element.textContent?.replace(/\s+/g, ' ').trim() ?? '';

/** Waits until that is read on the page. */
export async function reads(page: Element, text: string | RegExp): Promise<void> {
  await vi.waitFor(() => {
    const said = words(page);
    if (typeof text === 'string' ? !said.includes(text) : !text.test(said))
      throw new Error(`${text} is not among: ${said}`);
  });
}

/** A button or link by what it says. */
export function button(page: Element, name: string): HTMLButtonElement {
  const all = [...page.querySelectorAll<HTMLButtonElement>('button, a')];
  const found = all.find((one) => (one.getAttribute('aria-label') ?? words(one)) === name);
  if (!found) throw new Error(`no ${name} among: ${all.map(words).join(' | ')}`);
  return found;
}

type Control = HTMLInputElement & HTMLTextAreaElement;

/** The control of a label. */
export function field(page: Element, label: string): Control {
  const all = [...page.querySelectorAll('label')];
  const found = all.find((one) => words(one) === label);
  const control = found && document.getElementById(found.htmlFor);
  if (!control) throw new Error(`no ${label} among: ${all.map(words).join(' | ')}`);
  return control as Control;
}

export function type(control: Control, text: string): void {
  control.value = text;
  control.dispatchEvent(new Event('input', { bubbles: true }));
}
