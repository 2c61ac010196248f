// The pages of the machine and plan that a snapshot names. It names them by words only: where nobody
// here is called so, or two are, there is no page to lead to.
import { machineParam, urls } from '$/app/urls';
import type { Snapshot } from '$/gen/holdfast/api/v1/api_pb';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';

export interface Whose {
  machineHref?: string;
  planHref?: string;
}

export function whose({ instance, plan }: Snapshot, overview: Overview | undefined): Whose {
  const called = overview?.machines.filter((machine) => machine.instance === instance) ?? [];
  const [only] = called;
  if (!overview || !only || called.length > 1) return {};
  const param = machineParam(only, overview.machines);
  const has = overview.plans.some((one) => one.keyId === only.keyId && one.plan?.id === plan);
  return {
    machineHref: urls.machine(param),
    planHref: has && plan ? urls.plan(param, plan) : undefined,
  };
}
