// The clients of the API. What only editors and settings need is in `editing.ts`, so that it is not
// part of the first page.
import { createClient } from '@connectrpc/connect';
import {
  ConfigService,
  OperationService,
  PeerService,
  PlanService,
  RepoService,
  SnapshotService,
  StatusService,
  TokenService,
} from '$/gen/holdfast/api/v1/api_pb';
import { FleetService } from '$/gen/holdfast/api/v1/fleet_pb';
import { SessionService } from '$/gen/holdfast/api/v1/session_pb';
import { transport } from './transport';

export const api = {
  config: createClient(ConfigService, transport),
  fleet: createClient(FleetService, transport),
  operations: createClient(OperationService, transport),
  peers: createClient(PeerService, transport),
  plans: createClient(PlanService, transport),
  repos: createClient(RepoService, transport),
  session: createClient(SessionService, transport),
  snapshots: createClient(SnapshotService, transport),
  status: createClient(StatusService, transport),
  tokens: createClient(TokenService, transport),
};

export { Failure, failure } from './failure';
export type { FailureKind } from './failure';
export { partly, type Partly } from './partly';
