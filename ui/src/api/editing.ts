// Clients of what editors and settings ask; kept apart from `index.ts` to stay off the first page.
import { createClient } from '@connectrpc/connect';
import { DraftService } from '$/gen/holdfast/api/v1/draft_pb';
import { HookService } from '$/gen/holdfast/api/v1/hooks_pb';
import { UserService } from '$/gen/holdfast/api/v1/session_pb';
import { SettingsService } from '$/gen/holdfast/api/v1/settings_pb';
import { UpkeepService } from '$/gen/holdfast/api/v1/upkeep_pb';
import { transport } from './transport';

export const editing = {
  drafts: createClient(DraftService, transport),
  hooks: createClient(HookService, transport),
  settings: createClient(SettingsService, transport),
  upkeep: createClient(UpkeepService, transport),
  users: createClient(UserService, transport),
};
