// The browser that pages are looked at with, the screens they are drawn for, and what axe finds.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const PROGRAM = process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];

const desktop = { viewport: { width: 1400, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const SCREENS = [
  { name: 'desktop-light', ...desktop, colorScheme: 'light' },
  { name: 'desktop-dark', ...desktop, colorScheme: 'dark' },
  { name: 'phone-light', ...phone, colorScheme: 'light' },
  { name: 'phone-dark', ...phone, colorScheme: 'dark' },
];

export const launch = () => chromium.launch({ executablePath: PROGRAM });

// What axe finds on the page as it is now. It is put in from outside, past the page's policy; the
// policy itself holds for the page.
export async function barriers(tab) {
  await tab.evaluate(axe);
  const found = await tab.evaluate((rules) => window.axe.run({ runOnly: rules }), RULES);
  return found.violations.map(({ id, help, nodes }) => {
    const where = nodes.slice(0, 3).map((node) => node.html.slice(0, 200));
    return `${id}: ${help}\n    ${where.join('\n    ')}`;
  });
}
