// Tab reaches every control, in the order of the page, and one sees where one is.

const STEPS = 600;

export async function unreachable(tab) {
  await tab.evaluate(prepare);
  const seen = new Set();
  const found = [];
  // After the last one comes the browser itself, and then the first. Long lists grow as one goes.
  for (let step = 0, ends = 0; step < STEPS && ends < 2; step += 1) {
    await tab.keyboard.press('Tab');
    const at = await tab.evaluate(() => window.reach.step());
    // The way past a long list, whose rows are looked at where the list is short.
    if (at?.isPast) await tab.keyboard.press('Enter');
    if (at === undefined) ends += 1;
    else if (seen.has(at.id) && ends > 0) break;
    else {
      seen.add(at.id);
      for (const problem of at.problems) found.push(`keyboard: ${problem}: ${at.name}`);
    }
  }
  const missed = await tab.evaluate(() => window.reach.missed());
  found.push(...missed.map((name) => `keyboard: not reached: ${name}`));
  return [...new Set(found)].slice(0, 6);
}

/** Runs in the page. */
function prepare() {
  const CONTROLS = 'a[href], button, input, select, textarea, summary, [tabindex]';
  const ids = new Map();
  const visited = new Set();
  const names = new Set();
  let before;
  const scope = () => document.querySelector('dialog[open]') ?? document;
  const name = (element) => element.outerHTML.replace(/\s+/g, ' ').slice(0, 110);
  const isOne = (element) =>
    element.tabIndex >= 0 &&
    !element.matches(':disabled') &&
    !element.closest('[inert]') &&
    !(element.closest('details:not([open])') && element.tagName !== 'SUMMARY') &&
    element.checkVisibility({ visibilityProperty: true });
  /** Of a group of radio buttons only one is a stop. */
  const isStop = (element) => {
    if (element.type !== 'radio') return true;
    const group = [...scope().querySelectorAll('input[type=radio]')].filter(
      (one) => one.name === element.name && isOne(one),
    );
    return element === (group.find((one) => one.checked) ?? group[0]);
  };
  const controls = () =>
    [...scope().querySelectorAll(CONTROLS)].filter((one) => isOne(one) && isStop(one));
  function problemsOf(element) {
    const problems = [];
    if (element.tabIndex > 0) problems.push('has an order of its own');
    if (
      before?.isConnected &&
      before.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING
    )
      problems.push('comes before the one that was left');
    // An input that fills or hides behind its label is seen by the label's outline.
    const shown = [
      element,
      element.closest('label'),
      element.nextElementSibling,
      element.parentElement,
    ];
    const outlined = shown.some((one) => {
      const { outlineStyle, outlineWidth, boxShadow } = one ? getComputedStyle(one) : {};
      return (
        (outlineStyle && outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) ||
        (one === element && boxShadow !== 'none' && boxShadow)
      );
    });
    // The one field of the palette is seen by what it marks in its list.
    if (!outlined && !element.matches('[role=combobox]'))
      problems.push('one does not see that one is there');
    const box = element.getBoundingClientRect();
    const points = [0.5, 0.15, 0.85].map((part) => [
      box.x + box.width * part,
      box.y + box.height / 2,
    ]);
    const covered = points.every(([x, y]) => {
      const top = document.elementFromPoint(x, y);
      return (
        top &&
        !(element.contains(top) || top.contains(element) || element.closest('label')?.contains(top))
      );
    });
    if (covered && box.width > 2) problems.push('is under something else');
    return problems;
  }
  window.reach = {
    step() {
      const element = document.activeElement;
      if (!element || element === document.body) {
        before = undefined;
        return undefined;
      }
      if (!ids.has(element)) ids.set(element, ids.size);
      const again = visited.has(element);
      const problems = again ? [] : problemsOf(element);
      visited.add(element);
      names.add(name(element));
      before = element;
      const isPast = element.matches('.past');
      return { id: ids.get(element), name: name(element), isPast, problems };
    },
    // A long list draws a row anew when it comes back into view: it is known by its name. Names of what
    // tells an age change.
    missed: () =>
      controls()
        .filter((one) => !visited.has(one) && !one.closest('.past + [role=list]'))
        .map(name)
        .filter((one) => !names.has(one)),
  };
}
