// A plan's form: what is written, what is asked to be written, and what two writers make.
import { create } from '@bufbuild/protobuf';
import { beforeEach, expect, test, vi } from 'vitest';
import { editing } from '$/api/editing';
import { AddPlanRequestSchema } from '$/gen/holdfast/api/v1/api_pb';
import { CheckedDraftSchema, WrittenSchema } from '$/gen/holdfast/api/v1/draft_pb';
import { changed, draftOf, editOf, emptyDraft, formOf, merged } from '$/pages/plan-editor/draft';
import { PlanEdit } from '$/pages/plan-editor/editing.svelte';
import { fieldNamed } from '$/pages/plan-editor/fields';
import { told, unreadable } from '$/pages/plan-editor/problems';
import { valueText } from '$/pages/plan-editor/values';

const FORM = create(AddPlanRequestSchema, {
  plan: 'home',
  repo: 'vault',
  paths: ['/home'],
  exclude: ['*.tmp'],
  schedule: 'cron: 0 1 * * *',
  timeZone: 'Europe/Berlin',
  jitterS: 1200n,
  maxAgeS: 259_200n,
  excludeLargerThan: 2n ** 32n,
  retention: 'daily=30',
  onlyWhen: { acPower: true, window: '22:00-06:00', forceAfterS: 86_400n },
  retry: { attempts: 5, waitS: 300n },
  tuning: { upload: '5MiB', nice: '10' },
  enabled: true,
});
const written = (form: object, revision: string) =>
  create(WrittenSchema, { plan: { ...FORM, ...form }, revision });

beforeEach(() => sessionStorage.clear());

test('a form that is read and not changed says the same', () => {
  expect(formOf(draftOf(FORM))).toEqual(FORM);
  expect(changed(draftOf(FORM), draftOf(FORM))).toEqual([]);
});

test('only what was changed is written, on what it was based on', () => {
  const base = draftOf(FORM);
  const mine = { ...base, exclude: ['*.iso'], maxAge: '', upload: '', attempts: '1' };
  const edit = editOf(base, mine, 'r1');
  expect(edit.revision).toBe('r1');
  expect(edit.exclude?.items).toEqual(['*.iso']);
  expect(edit.maxAgeS).toBe(0n);
  expect(edit.tuning).toEqual({ upload: '' });
  expect(edit.retry).toMatchObject({ attempts: 1, waitS: 300n });
  for (const name of ['paths', 'schedule', 'timeZone', 'retention', 'onlyWhen', 'repo'] as const)
    expect(edit[name]).toBeUndefined();
});

test('one condition that was changed is written with the others, as they are one value', () => {
  const base = draftOf(FORM);
  const edit = editOf(base, { ...base, acPower: false }, 'r1');
  expect(edit.onlyWhen).toMatchObject({ acPower: false, window: '22:00-06:00' });
});

test('what another kind of schedule cannot have is not written', () => {
  const mine = { ...draftOf(FORM), schedule: 'manual', jitter: '5m', timeZone: 'UTC' };
  expect(formOf(mine).jitterS).toBeUndefined();
  expect(formOf(mine).timeZone).toBeUndefined();
  const edit = editOf(draftOf(FORM), mine, 'r1');
  expect([edit.schedule, edit.jitterS, edit.timeZone]).toEqual(['manual', undefined, undefined]);
});

test('edits of two are put together where they do not touch', () => {
  const base = draftOf(FORM);
  const mine = { ...base, exclude: ['*.iso'], retention: 'daily=14', host: 'same' };
  const theirs = { ...base, maxAge: '1d', retention: 'daily=7', host: 'same' };
  const result = merged(base, mine, theirs);
  expect(result.taken).toEqual(['maxAge']);
  expect(result.conflicts).toEqual(['retention']);
  expect(result.draft).toEqual({ ...mine, maxAge: '1d' });
});

test('a conflict shows both values, and nothing that was typed is lost', () => {
  const edit = new PlanEdit('k', draftOf(FORM), written({}, 'r1'));
  edit.set('retention', 'daily=14');
  edit.heard(written({ retention: 'daily=7', exclude: [] }, 'r2'));
  expect(edit.conflicts).toEqual(['retention']);
  expect(edit.taken).toEqual(['exclude']);
  expect([edit.mine.retention, edit.base.retention, edit.before?.retention]).toEqual([
    'daily=14',
    'daily=7',
    'daily=30',
  ]);
  edit.settle('retention', 'theirs');
  expect(edit.mine.retention).toBe('daily=7');
  expect(edit.changes).toEqual([]);
  expect(edit.conflicts).toEqual([]);
});

test('who keeps theirs writes it over what the other wrote', () => {
  const edit = new PlanEdit('k', draftOf(FORM), written({}, 'r1'));
  edit.set('retention', 'daily=14');
  edit.heard(written({ retention: 'daily=7' }, 'r2'));
  edit.settle('retention', 'mine');
  const request = editOf(edit.base, edit.mine, edit.revision);
  expect([request.revision, request.retention]).toEqual(['r2', 'daily=14']);
});

test('who has typed nothing sees what another wrote, without a word', () => {
  const edit = new PlanEdit('k', draftOf(FORM), written({}, 'r1'));
  edit.heard(written({ retention: 'daily=7' }, 'r2'));
  expect(edit.mine.retention).toBe('daily=7');
  expect([edit.taken, edit.changes]).toEqual([[], []]);
});

test('what was typed is there again, over what was written since', () => {
  new PlanEdit('k', draftOf(FORM), written({}, 'r1')).set('host', 'mine');
  const theirs = written({ maxAgeS: 86_400n }, 'r2');
  const again = new PlanEdit('k', draftOf(theirs.plan ?? FORM), theirs);
  expect([again.mine.host, again.mine.maxAge, again.isKept]).toEqual(['mine', '1d', true]);
  again.discard();
  expect(new PlanEdit('k', draftOf(FORM), written({}, 'r1')).isKept).toBe(false);
});

test('a new form tells what is missing once it was tried', () => {
  const edit = new PlanEdit('new', emptyDraft());
  edit.set('retention', 'last=0');
  edit.set('wait', 'soon');
  expect(Object.keys(edit.shown).sort()).toEqual(['retention', 'wait']);
  edit.put({ attempts: '' });
  edit.tried();
  expect(Object.keys(edit.shown).sort()).toEqual(['attempts', 'retention', 'wait']);
});

test('it is looked at before it is saved, and what is wrong stands at its field', async () => {
  const problems = [{ field: 'paths', message: 'none are given' }];
  const asked = vi
    .spyOn(editing.drafts, 'checkPlan')
    .mockImplementation(async ({ plan }) =>
      create(CheckedDraftSchema, plan?.paths?.length ? {} : { problems }),
    );
  const edit = new PlanEdit('new', emptyDraft());
  edit.tried();
  expect(await edit.isRight()).toBe(false);
  expect(edit.shown.paths).toBe('None are given.');
  edit.put({ paths: ['/home'] });
  expect(await edit.isRight()).toBe(true);
  asked.mockRestore();
});

test('what cannot be read is told with its value', () => {
  const found = unreadable({ ...draftOf(FORM), maxAge: '3 days', excludeLargerThan: 'big' });
  expect(Object.keys(found)).toEqual(['maxAge', 'excludeLargerThan']);
  expect(found.maxAge).toContain('3 days');
});

test.each([
  ['schedule.cron', 'schedule'],
  ['schedule.time-zone', 'timeZone'],
  ['only-when.window', 'window'],
  ['limits.upload', 'upload'],
  ['retry.wait', 'wait'],
  ['id', 'plan'],
  ['', undefined],
  ['elsewhere', undefined],
])('a problem at %s is shown at the field %s', (name, field) => {
  expect(fieldNamed(name)).toBe(field);
});

test('what is wrong with no field is told above all', () => {
  const problems = [
    { field: '', message: 'it was changed meanwhile', remedy: 'look at both' },
    { field: 'paths', message: 'none are given' },
  ];
  const { plan: _, ...rest } = told(problems as never).fields;
  expect(rest).toEqual({ paths: 'None are given.' });
  expect(told(problems as never).general).toEqual(['It was changed meanwhile. Look at both.']);
});

test('a rule is held against another one in words', () => {
  const draft = draftOf(FORM);
  const words = (retention: string) =>
    valueText({ ...draft, retention }, 'retention').replaceAll('\u00a0', ' ');
  expect(words('last=3,daily=30')).toBe('3 last, 30 daily');
  expect(words('keep-all')).toBe('Everything');
  expect(valueText(draft, 'paths')).toBe('/home');
});
