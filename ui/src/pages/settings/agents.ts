// What a browser calls itself, in two words; the whole text is on hover.
const BROWSERS: [RegExp, string][] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS: [RegExp, string][] = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
];

/** `Firefox on Linux`; what is not known as the first of its own words. */
export function browserName(agent: string): string {
  const of = (known: [RegExp, string][]) => known.find(([mark]) => mark.test(agent))?.[1];
  const browser = of(BROWSERS) ?? (agent.split(/[\s/]/)[0] || 'unknown');
  const system = of(SYSTEMS);
  return system ? `${browser} on ${system}` : browser;
}
