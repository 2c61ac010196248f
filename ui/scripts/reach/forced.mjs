// With forced colours (the browser draws with a few of the system's): every mark is still seen, and
// what is chosen or current differs from what is not.
import { colours, decode } from '../png.mjs';
import { settled } from '../pages.mjs';

/** What says something by its shape alone. */
const MARKS = 'svg, .meter, .st, .kbd, button, input, select, [role=progressbar], .sheet';
const CHOSEN = ['aria-pressed', 'aria-current', 'aria-selected', 'aria-checked'];
const MANY = 40;

export async function vanished(tab) {
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await tab.emulateMedia({ forcedColors: 'active', colorScheme });
    await settled(tab);
    for (const mark of await unseen(tab))
      found.push(`forced colours, ${colorScheme}: not seen: ${mark}`);
    for (const same of await tab.evaluate(alike, CHOSEN))
      found.push(`forced colours, ${colorScheme}: chosen looks like the rest: ${same}`);
  }
  await tab.emulateMedia({ forcedColors: 'none', colorScheme: 'light' });
  await settled(tab);
  return found;
}

/** Marks whose place in the picture has one colour only. */
async function unseen(tab) {
  const marks = await tab.evaluate(listed, { selector: MARKS, many: MANY });
  const picture = decode(await tab.screenshot({ animations: 'disabled' }));
  return marks.filter(({ box }) => colours(part(picture, box)).size < 2).map(({ name }) => name);
}

function part({ pixels, width }, { x, y, w, h }) {
  const rows = Array.from({ length: h }, (_, i) => {
    const from = ((y + i) * width + x) * 3;
    return pixels.subarray(from, from + w * 3);
  });
  return { pixels: Buffer.concat(rows) };
}

/** One of each kind of mark that is wholly in the window and on top. */
function listed({ selector, many }) {
  const kinds = new Map();
  for (const element of document.querySelectorAll(selector)) {
    const box = element.getBoundingClientRect();
    const [x, y] = [Math.floor(box.x), Math.floor(box.y)];
    const [w, h] = [Math.ceil(box.right) - x, Math.ceil(box.bottom) - y];
    if (w < 3 || h < 3 || x < 0 || y < 0 || x + w > innerWidth || y + h > innerHeight) continue;
    if (element.closest('.vh') || !element.checkVisibility({ opacityProperty: true })) continue;
    const top = document.elementFromPoint(x + w / 2, y + h / 2);
    if (!top || !(element.contains(top) || top.contains(element))) continue;
    const use = element.querySelector('use')?.getAttribute('href') ?? '';
    const name = `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ${use}`;
    if (!kinds.has(name)) kinds.set(name, { name, box: { x, y, w, h } });
  }
  return [...kinds.values()].slice(0, many);
}

/** Chosen ones that only a colour that is forced away tells from those beside them. */
function alike(attributes) {
  const GROUP = 'ul, ol, tbody, fieldset, [role=group], [role=radiogroup], [role=listbox]';
  const STYLES = ['color', 'backgroundColor', 'fontWeight', 'outline', 'border', 'textDecoration'];
  const isOff = (value) => value === null || value === 'false';
  const drawn = (element, pseudo) => STYLES.map((name) => getComputedStyle(element, pseudo)[name]);
  const looks = (element) => {
    const icons = [...element.querySelectorAll('use')].map((use) => use.getAttribute('href'));
    return [drawn(element), drawn(element, '::before'), drawn(element, '::after'), icons].join('|');
  };
  const found = [];
  for (const attribute of attributes) {
    // Where one is in a path is text among links.
    for (const chosen of document.querySelectorAll(`[${attribute}]:not(li)`)) {
      if (isOff(chosen.getAttribute(attribute)) || !chosen.checkVisibility()) continue;
      const other = [...(chosen.closest(GROUP)?.querySelectorAll(chosen.tagName) ?? [])].find(
        (one) =>
          isOff(one.getAttribute(attribute)) &&
          one.className === chosen.className &&
          one.checkVisibility(),
      );
      if (other && !chosen.matches(':focus-visible') && looks(other) === looks(chosen))
        found.push(`${attribute} on ${chosen.outerHTML.slice(0, 90)}`);
    }
  }
  return [...new Set(found)].slice(0, 5);
}
