// A component on a page of its own, before a made-up daemon.
import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { flushSync, mount, unmount, type Component } from 'svelte';
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

/** Of a mode of src/fixtures/world.ts: also who it is that looks. */
export async function lookingAs(mode: string): Promise<void> {
  useTransport(listening(fixtureTransport(mode)));
  who.is(await api.session.whoAmI({}));
  asked.length = 0;
}

const drawnNow: ReturnType<typeof mount>[] = [];

/** For as long as the test lasts, or until it is cleared. */
export function drawn<P extends Record<string, unknown>>(
  component: Component<P>,
  props: P,
): HTMLElement {
  const target = document.body.appendChild(document.createElement('div'));
  drawnNow.push(mount(component, { target, props }));
  onTestFinished(clear);
  flushSync();
  return target;
}

export async function mounted<P extends Record<string, unknown>>(
  mode: string,
  component: Component<P>,
  props: P,
): Promise<HTMLElement> {
  await lookingAs(mode);
  return drawn(component, props);
}

/** Before something else is drawn in the same test. */
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

/** Waits until that is read on the page. */
export async function reads(page: Element, text: string | RegExp): Promise<void> {
  await vi.waitFor(() => {
    const said = textOf(page);
    if (typeof text === 'string' ? !said.includes(text) : !text.test(said))
      throw new Error(`${text} is not among: ${said}`);
  });
}

/** A button or link by what it says, or as it is read out. */
export function button(page: Element, name: string): HTMLButtonElement {
  const all = [...page.querySelectorAll<HTMLButtonElement>('button, a')];
  const bare = (text: string | null) => text?.replace(/\s/g, '');
  const named = (text: string | null) => bare(text) === bare(name);
  const found =
    all.find((one) => named(one.getAttribute('aria-label') ?? one.textContent)) ??
    all.find((one) => named(one.textContent));
  if (!found) throw new Error(`no ${name} among: ${all.map(textOf).join(' | ')}`);
  return found;
}

export function press(page: Element, name: string): void {
  button(page, name).click();
  flushSync();
}

type Control = HTMLInputElement & HTMLTextAreaElement;

/** The control of a label. */
export function field(page: Element, label: string): Control {
  const all = [...page.querySelectorAll('label')];
  const found = all.find((one) => textOf(one) === label);
  const control = found && document.getElementById(found.htmlFor);
  if (!control) throw new Error(`no ${label} among: ${all.map(textOf).join(' | ')}`);
  return control as Control;
}

export function type(control: Control, text: string): void {
  control.value = text;
  control.dispatchEvent(new Event('input', { bubbles: true }));
}
