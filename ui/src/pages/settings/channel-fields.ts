// Which settings each kind of channel has: what its form asks for.

export interface ChannelField {
  name: string;
  word: string;
  /** Write-only: what is stored is never shown. */
  secret?: boolean;
  required?: boolean;
  /** A line for each. */
  list?: boolean;
  choices?: string[];
  example?: string;
}

const url = (example: string): ChannelField => ({
  name: 'url',
  word: 'URL',
  secret: true,
  required: true,
  example,
});
const token: ChannelField = { name: 'token', word: 'Token', secret: true, required: true };
const priority: ChannelField = { name: 'priority', word: 'Priority', example: '5' };

/** Commands are written in the config file only. */
export const CHANNEL_FIELDS: Record<string, ChannelField[]> = {
  ntfy: [
    url('https://ntfy.sh/my-backups'),
    { ...token, required: false },
    { name: 'user', word: 'User' },
    { name: 'password', word: 'Password', secret: true },
    { ...priority, choices: ['', '1', '2', '3', '4', '5'] },
    { name: 'tags', word: 'Tags, one a line', list: true },
  ],
  email: [
    { name: 'host', word: 'Mail server', required: true, example: 'mail.example.net' },
    { name: 'port', word: 'Port', example: '587' },
    { name: 'security', word: 'Security', choices: ['', 'tls', 'starttls', 'none'] },
    { name: 'user', word: 'User' },
    { name: 'password', word: 'Password', secret: true },
    { name: 'from', word: 'From', required: true, example: 'nas@example.net' },
    { name: 'to', word: 'To, one a line', required: true, list: true, example: 'ops@example.net' },
    { name: 'ca-file', word: 'Certificate of an own authority' },
  ],
  telegram: [
    token,
    { name: 'chat-id', word: 'Chat id', required: true },
    { name: 'thread-id', word: 'Thread id' },
    { name: 'url', word: 'Server, if not Telegram’s own' },
  ],
  gotify: [
    { name: 'url', word: 'URL', required: true, example: 'https://gotify.example' },
    token,
    priority,
  ],
  pushover: [
    token,
    { name: 'user-key', word: 'User key', secret: true, required: true },
    { name: 'device', word: 'Device' },
    { name: 'sound', word: 'Sound' },
    { ...priority, choices: ['', '-2', '-1', '0', '1'] },
  ],
  matrix: [
    { name: 'url', word: 'URL', required: true, example: 'https://matrix.example' },
    token,
    { name: 'room', word: 'Room', required: true, example: '!abc:example' },
  ],
  slack: [url('https://hooks.slack.com/…')],
  discord: [url('https://discord.com/api/webhooks/…')],
  healthchecks: [url('https://hc-ping.com/…')],
  'uptime-kuma': [url('https://kuma.example/api/push/…')],
  webhook: [
    url('https://example.net/hook'),
    { name: 'method', word: 'Method', choices: ['', 'GET', 'POST', 'PUT', 'PATCH'] },
    { name: 'headers', word: 'Headers, NAME: VALUE, one a line', secret: true, list: true },
    { name: 'body', word: 'Body', list: true },
  ],
};

export const ACTIONS = Object.keys(CHANNEL_FIELDS);

/** What can be written into any channel besides. */
export const MANNER_FIELDS: ChannelField[] = [
  { name: 'remind', word: 'Say again every', example: '24h' },
  { name: 'digest', word: 'Collect, and send at', example: '08:00' },
  { name: 'quiet', word: 'Quiet hours', example: '22:00-07:00' },
];

/** Every field of a channel as it is to be: what the form does not ask for stays as it is. */
export function channelFields(
  before: Record<string, string>,
  asked: ChannelField[],
  typed: Partial<Record<string, string>>,
): Record<string, string> {
  const fields = { ...before };
  for (const { name, secret } of asked) {
    const text = typed[name];
    if (text === undefined) continue;
    const value = text.trim();
    // A secret that is not typed stays; one that is takes the place of a file.
    if (secret && !value) continue;
    if (secret) delete fields[`${name}-file`];
    if (value) fields[name] = value;
    else delete fields[name];
  }
  return fields;
}
