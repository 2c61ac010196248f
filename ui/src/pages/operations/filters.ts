// What is chosen in the address, and the question it becomes.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OperationPageRequestSchema } from '$/gen/holdfast/api/v1/api_pb';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { machineOf, machineParam } from '$/app/urls';
import { ops } from './words';

export type PageRequest = MessageInitShape<typeof OperationPageRequestSchema>;

/** Names of the query, as other pages link to them. */
export const NAMES = ['peer', 'plan', 'repo', 'kind', 'state', 'time', 'q', 'flow'] as const;
export type Name = (typeof NAMES)[number];
export type Filter = Partial<Record<Name, string>>;

const HOUR_MS = 3600 * 1000;
/** A week, if nothing is chosen. */
const TIMES: Record<string, number> = { day: 24, week: 7 * 24, month: 30 * 24 };
const USUAL_TIME = 'week';

export function filterOf(query: URLSearchParams): Filter {
  const chosen = NAMES.map((name) => [name, query.get(name)?.trim() || undefined] as const);
  return Object.fromEntries(chosen.filter(([, value]) => value));
}

/** Anything beside the time, which always is chosen. */
export function isFiltering(filter: Filter): boolean {
  return NAMES.some((name) => filter[name]) && Object.keys(filter).some((name) => name !== 'time');
}

/** Only what runs now, of everything. */
export function isOnlyRunning(filter: Filter): boolean {
  const chosen = NAMES.filter((name) => filter[name] && name !== 'time');
  return filter.state === 'running' && chosen.length === 1;
}

function list(value: string | undefined): string[] {
  return value ? value.split(',').filter(Boolean) : [];
}

/** Machines are named in addresses as everywhere, and asked for by key. */
function peers(filter: Filter, overview: Overview | undefined): string[] {
  const machines = overview?.machines ?? [];
  return list(filter.peer).map((name) => machineOf(name, machines)?.keyId ?? name);
}

export function question(filter: Filter, overview: Overview | undefined, now: number): PageRequest {
  const hours = filter.flow ? undefined : TIMES[filter.time ?? USUAL_TIME];
  return {
    peers: peers(filter, overview),
    plans: list(filter.plan),
    repos: list(filter.repo),
    kinds: list(filter.kind),
    statuses: list(filter.state),
    since: hours ? new Date(now - hours * HOUR_MS).toISOString() : undefined,
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
