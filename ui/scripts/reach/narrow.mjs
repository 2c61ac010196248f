// At each width everything is there, without scrolling sideways.
import { settled } from '../pages.mjs';

const SIZES = [
  { width: 320, height: 640 },
  { width: 844, height: 390 },
  { width: 700, height: 450 },
  { width: 3840, height: 2160 },
];

export async function cutOff(tab, back) {
  const found = [];
  for (const size of SIZES) {
    await tab.setViewportSize(size);
    await settled(tab);
    for (const one of await tab.evaluate(outside)) found.push(`${size.width} px: ${one}`);
  }
  await tab.setViewportSize(back);
  await settled(tab);
  return found;
}

/** What is wider than the window, sticks out of it, or holds text that it cuts off unsaid. */
function outside() {
  const name = (element) =>
    `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ${element.textContent.trim().replace(/\s+/g, ' ').slice(0, 40)}`;
  const scrolls = (style) => ['auto', 'scroll'].includes(style.overflowX);
  const isHidden = (element) => element.closest('.vh, .skip, [hidden]') !== null;
  const found = [];
  const wider = document.documentElement.scrollWidth - window.innerWidth;
  if (wider > 0) found.push(`the page is ${wider} px wider than the window`);
  for (const element of document.body.querySelectorAll('*')) {
    if (isHidden(element) || element.closest('svg') || !element.checkVisibility()) continue;
    const box = element.getBoundingClientRect();
    if (box.width <= 1) continue;
    const style = getComputedStyle(element);
    const inScroller =
      element.parentElement.closest('pre, .log, .scrolls') ||
      getComputedStyle(element.parentElement).textOverflow === 'ellipsis';
    if (!inScroller && (box.right > window.innerWidth + 1 || box.left < -1))
      found.push(`sticks out: ${name(element)}`);
    // A menu or a listing may scroll down; sideways only what is printed by programs may.
    if (scrolls(style) && !element.matches('pre, .log, .scrolls, textarea'))
      if (element.scrollWidth > element.clientWidth + 1)
        found.push(`scrolls sideways: ${name(element)}`);
    const isShown = style.clipPath === 'none';
    // What is longer than its field is read by moving through it.
    const cuts =
      isShown &&
      !element.matches('input') &&
      ['hidden', 'clip'].includes(style.overflowX) &&
      style.textOverflow !== 'ellipsis';
    if (cuts && element.children.length === 0 && element.scrollWidth > element.clientWidth + 1)
      found.push(`cuts its text off: ${name(element)}`);
  }
  return [...new Set(found)].slice(0, 5);
}
