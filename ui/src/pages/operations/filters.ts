// What is chosen in the address, and the question it becomes.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OperationPageRequestSchema } from '$/gen/holdfast/api/v1/api_pb';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { machineOf, machineParam } from '$/app/urls';
import { between, isoDay } from '$/format';
import { ops } from './words';

export type PageRequest = MessageInitShape<typeof OperationPageRequestSchema>;

/** Names of the query, as other pages link to them. */
const TIME = ['time', 'from', 'until'] as const;
export const NAMES = ['peer', 'plan', 'repo', 'kind', 'state', 'q', 'flow', ...TIME] as const;
export type Name = (typeof NAMES)[number];
export type Filter = Partial<Record<Name, string>>;

const HOUR_MS = 3600 * 1000;
/** A week, if nothing is chosen. */
const TIMES: Record<string, number> = { day: 24, week: 7 * 24, month: 30 * 24 };
const USUAL_TIME = 'week';
/** From one day to another, in place of a span up to now. */
export const DAYS = 'days';

export function filterOf(query: URLSearchParams): Filter {
  const chosen = NAMES.map((name) => [name, query.get(name)?.trim() || undefined] as const);
  return Object.fromEntries(chosen.filter(([, value]) => value));
}

/** Anything beside the time, which always is chosen. */
export function isFiltering(filter: Filter): boolean {
  return besideTime(filter).length > 0;
}

function besideTime(filter: Filter): Name[] {
  return NAMES.filter((name) => filter[name] && !TIME.some((time) => time === name));
}

/** How many fields say something, beside what is typed. */
export function chosen(filter: Filter): number {
  return besideTime({ ...filter, q: undefined }).length + (filter.time ? 1 : 0);
}

/** Another span of time; days begin as the week that is shown otherwise. */
export function spanned(time: string, now: number): Record<string, string | undefined> {
  const from = new Date(now);
  from.setDate(from.getDate() - 7);
  return { time, from: time === DAYS ? isoDay(from) : undefined, until: undefined };
}

/** Only what runs now, of everything. */
export function isOnlyRunning(filter: Filter): boolean {
  return filter.state === 'running' && besideTime(filter).length === 1;
}

function list(value: string | undefined): string[] {
  return value ? value.split(',').filter(Boolean) : [];
}

/** Machines are named in addresses as everywhere, and asked for by key. */
function peers(filter: Filter, overview: Overview | undefined): string[] {
  const machines = overview?.machines ?? [];
  return list(filter.peer).map((name) => machineOf(name, machines)?.keyId ?? name);
}

/** A flow is shown whole, whenever it was. */
function when({ flow, time = USUAL_TIME, from, until }: Filter, now: number): PageRequest {
  if (flow) return {};
  if (time === DAYS) return between(from, until);
  const hours = TIMES[time];
  return { since: hours ? new Date(now - hours * HOUR_MS).toISOString() : undefined };
}

export function question(filter: Filter, overview: Overview | undefined, now: number): PageRequest {
  return {
    peers: peers(filter, overview),
    plans: list(filter.plan),
    repos: list(filter.repo),
    kinds: list(filter.kind),
    statuses: list(filter.state),
    ...when(filter, now),
    contains: filter.q,
    flow: filter.flow,
  };
}

export interface Choice {
  value: string;
  word: string;
}

export interface Pick {
  name: Name;
  label: string;
  choices: Choice[];
}

const STATES: [string, string][] = [
  ['running', 'Running'],
  ['pending', 'Waiting'],
  ['succeeded', 'Done'],
  ['warning', 'Warnings'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
  ['skipped', 'Skipped'],
  ['lost', 'Lost'],
];

/** The fields of the filter, with what can be chosen in each. */
export function picks(filter: Filter, overview: Overview | undefined): Pick[] {
  const words = ops.filters;
  const machines = overview?.machines ?? [];
  const plans = overview?.plans.flatMap(({ plan }) => plan ?? []) ?? [];
  const all: Choice = { value: '', word: words.all };
  const names = (values: string[]) => [...new Set(values)].sort().map(same);
  const kinds = Object.entries(ops.kinds).map(([value, word]) => ({ value, word }));
  const pick = (name: Name, label: string, choices: Choice[]) => ({
    name,
    label,
    choices: known(filter[name], [all, ...choices]),
  });
  return [
    ...(machines.length > 1
      ? [
          pick(
            'peer',
            words.machine,
            machines.map((each) => ({
              value: machineParam(each, machines),
              word: each.label ?? each.instance,
            })),
          ),
        ]
      : []),
    pick('plan', words.plan, names(plans.map(({ id }) => id))),
    pick('repo', words.repo, names(plans.map(({ repo }) => repo))),
    pick('kind', words.kind, kinds),
    pick(
      'state',
      words.state,
      STATES.map(([value, word]) => ({ value, word })),
    ),
    {
      name: 'time',
      label: words.time,
      choices: [
        { value: 'day', word: words.day },
        { value: '', word: words.week },
        { value: 'month', word: words.month },
        { value: 'ever', word: words.ever },
        { value: DAYS, word: words.days },
      ],
    },
  ];
}

function same(value: string): Choice {
  return { value, word: value };
}

/** What an address names stays chosen, even where nothing here has it. */
function known(value: string | undefined, choices: Choice[]): Choice[] {
  if (!value || choices.some((choice) => choice.value === value)) return choices;
  return [...choices, same(value)];
}
