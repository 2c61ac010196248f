// One line beside what is pointed at, focused or touched: it is not seen otherwise, and said to nobody
// twice. In the top layer, so that no edge of what it stands in cuts it off.
import type { Attachment } from 'svelte/attachments';

/** From what it is about, and from the edge of the window. */
const GAP = 4;
const EDGE = 8;

let line: HTMLElement | undefined;
let about: Element | undefined;
let box: () => DOMRect;

/** Tells it beside that element, or beside the part of it whose box is given. */
export function tell(
  element: Element,
  text: string,
  part = () => element.getBoundingClientRect(),
): void {
  if (about === undefined) follow();
  about = element;
  box = part;
  line ??= made();
  if (!line.isConnected) document.body.append(line);
  line.textContent = text;
  if (!line.matches(':popover-open')) line.showPopover?.();
  place();
}

/** No longer; where another element is given than it is about, that one's stays. */
export function hush(element = about): void {
  if (about === undefined || element !== about) return;
  about = undefined;
  line?.remove();
  window.removeEventListener('scroll', place, { capture: true });
  window.removeEventListener('resize', place);
  document.removeEventListener('pointerdown', elsewhere, { capture: true });
  document.removeEventListener('keydown', escaped, { capture: true });
}

/** For an element that has more to say: to a pointer, to a finger, and where it or what it stands in
 *  has focus. */
export function tip(text: () => string): Attachment<HTMLElement> {
  return (element) => {
    const host = element.closest<HTMLElement>('a, button') ?? element;
    const show = () => tell(element, text());
    const forget = listening(host, element, show);
    const pointed = (event: PointerEvent) => event.pointerType !== 'touch' && show();
    const left = (event: PointerEvent) => {
      if (event.pointerType !== 'touch' && !host.matches(':focus-visible')) hush(element);
    };
    element.addEventListener('pointerenter', pointed);
    element.addEventListener('pointerleave', left);
    // What leads elsewhere does so at a touch.
    if (host.localName !== 'a') element.addEventListener('click', show);
    return () => {
      hush(element);
      forget();
      element.removeEventListener('pointerenter', pointed);
      element.removeEventListener('pointerleave', left);
      element.removeEventListener('click', show);
    };
  };
}

/** To keys: focus shows it. */
function listening(host: HTMLElement, element: HTMLElement, show: () => void): () => void {
  const hide = () => hush(element);
  const focused = () => host.matches(':focus-visible') && show();
  host.addEventListener('focus', focused);
  host.addEventListener('blur', hide);
  return () => {
    host.removeEventListener('focus', focused);
    host.removeEventListener('blur', hide);
  };
}

function made(): HTMLElement {
  const element = document.createElement('div');
  element.className = 'tip';
  element.popover = 'manual';
  element.ariaHidden = 'true';
  return element;
}

function follow(): void {
  // Who comes by keyboard may be scrolled to after the focus: it follows.
  window.addEventListener('scroll', place, { capture: true });
  window.addEventListener('resize', place);
  document.addEventListener('pointerdown', elsewhere, { capture: true });
  document.addEventListener('keydown', escaped, { capture: true });
}

function elsewhere({ target }: Event): void {
  if (!about?.contains(target as Node)) hush();
}

/** Wherever the focus is: it puts away what is told, and closes nothing else. */
function escaped(key: KeyboardEvent): void {
  if (key.key !== 'Escape') return;
  key.preventDefault();
  key.stopPropagation();
  hush();
}

/** Above, where a finger does not cover it; below where no room is. */
function place(): void {
  if (!line) return;
  const { left, width, top, bottom } = box();
  const { offsetWidth, offsetHeight } = line;
  const middle = left + (width - offsetWidth) / 2;
  const above = top - GAP - offsetHeight;
  line.style.left = `${Math.max(EDGE, Math.min(middle, window.innerWidth - offsetWidth - EDGE))}px`;
  line.style.top = `${above < EDGE ? bottom + GAP : above}px`;
}
