// What is asked of peers; apart from `index.ts`, as it is needed once somebody asks.
import { createClient } from '@connectrpc/connect';
import { CommandService } from '$/gen/holdfast/api/v1/command_pb';
import { transport } from './transport';

export const commands = createClient(CommandService, transport);
