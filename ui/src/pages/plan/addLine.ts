// A plan that saves the output of a command, as the command line that adds another one like it.
import { spanText } from '$/format';
import type { AddPlanRequest, OnlyWhen } from '$/gen/holdfast/api/v1/api_pb';

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

export function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command is the last: all that follows is its arguments. */
export function addLine(written: AddPlanRequest, command: string[], name: string): string {
  const { repo, retention, schedule, timeZone, host, stdinName, retry, onlyWhen } = written;
  const options: [string, string | undefined][] = [
    ['repo', repo],
    ['schedule', schedule],
    ['time-zone', timeZone],
    ['jitter', span(written.jitterS)],
    ['grace', span(written.graceS)],
    ['max-age', span(written.maxAgeS)],
    ['retention', retention],
    ['only-when', onlyWhen && conditions(onlyWhen)],
    ['retry', retry && `${retry.attempts},${spanText(retry.waitS)}`],
    ['host', host],
    ['stdin-name', stdinName],
  ];
  const given = options.flatMap(([option, value]) => (value ? [`--${option}`, value] : []));
  const words = ['holdfast', 'plan', 'add', name, ...given, '--stdin-command', ...command];
  return words.map(quoted).join(' ');
}

function span(seconds: bigint | undefined): string | undefined {
  return seconds ? spanText(seconds) : undefined;
}

function conditions(when: OnlyWhen): string {
  const after = span(when.forceAfterS);
  return [
    when.acPower && 'ac-power',
    when.unmetered && 'unmetered',
    when.network && 'network',
    when.window && `window=${when.window}`,
    when.loadBelow && `load-below=${when.loadBelow}`,
    after && `force-after=${after}`,
  ]
    .filter(Boolean)
    .join(',');
}
