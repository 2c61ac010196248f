// Words that go with a number.
import { count } from '$/format/bytes';
import { LOCALE } from '$/format/locale';

const rules = new Intl.PluralRules(LOCALE);

/** The forms of a word by CLDR category; `other` is always there. */
export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** The form that goes with the number: `form(2, {one: 'plan', other: 'plans'})` is `plans`. */
export function form(amount: number, forms: Forms): string {
  return forms[rules.select(amount)] ?? forms.other;
}

/** Number and word: `2 plans`. */
export function plural(amount: number, forms: Forms): string {
  return `${count(amount)} ${form(amount, forms)}`;
}

/** `cabin, pi and web-1` */
export function listed(names: string[]): string {
  return new Intl.ListFormat(LOCALE, { type: 'conjunction' }).format(names);
}
