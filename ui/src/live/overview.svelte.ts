// The one Overview of the tab: Fleet, rail, palette and notices draw from it.
import { fromJson, toJson, type JsonValue } from '@bufbuild/protobuf';
import { api } from '$/api';
import { OverviewSchema, type Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { clock } from './clock.svelte';
import { Resource } from './resource.svelte';

/** Where the daemon may have put the last summary into the page, as the JSON document. */
const INLINED = 'holdfast-overview';
const STORED = 'holdfast-overview';

let shared: Resource<Overview> | undefined;

/** Kept while the tab lives: leaving Fleet and coming back asks nothing anew. */
export function overview(): Resource<Overview> {
  if (!shared) {
    shared = new Resource<Overview>({
      key: 'overview',
      changed: ['plans', 'repos', 'peers', 'config', 'attention', 'operations'],
      read,
    });
    const before = remembered();
    if (before && !shared.data) shared.data = before;
  }
  return shared;
}

export function forgetOverview(): void {
  shared?.close();
  shared = undefined;
  sessionStorage.removeItem(STORED);
}

async function read(signal: AbortSignal): Promise<Overview> {
  const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const answer = await api.fleet.overview({ timeZone }, { signal });
  clock.setBy(answer.at);
  remember(answer);
  return answer;
}

/** A reload shows this before the daemon has answered. Large fleets do not fit, and are not kept. */
function remember(answer: Overview): void {
  if (answer.plans.length > 200) return;
  try {
    sessionStorage.setItem(STORED, JSON.stringify(toJson(OverviewSchema, answer)));
  } catch {
    // A full or forbidden store costs only the first paint.
  }
}

function remembered(): Overview | undefined {
  try {
    const text = document.getElementById(INLINED)?.textContent || sessionStorage.getItem(STORED);
    if (!text) return undefined;
    return fromJson(OverviewSchema, JSON.parse(text) as JsonValue, { ignoreUnknownFields: true });
  } catch {
    return undefined;
  }
}
