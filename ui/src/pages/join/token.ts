// What was pasted: a bare token, a link, or the whole join line.

export interface Pasted {
  /** As the API takes it; undefined while it is none. */
  token?: string;
  keyId?: string;
  instance?: string;
  /** From the link or the line. */
  urls: string[];
  /** What is wrong with it. */
  wrong?: 'shape' | 'cut';
  secretLength?: number;
}

const TOKEN = /(ed25519\.[\w-]{20,}):([0-9a-f]*)#([a-z0-9][a-z0-9._-]*)/i;
const LINK = /(holdfast(?:\+http)?):\/\/([^\s'"#]+)#/;
const LINE_URL = /--url[= ]['"]?([^\s'"]+)/g;
const SECRET_LENGTH = 64;

export function pasted(text: string): Pasted {
  const found = TOKEN.exec(text);
  if (!found) return { urls: [], wrong: text.trim() ? 'shape' : undefined };
  const [token, keyId, secret = '', instance] = found;
  const named = { keyId, instance, urls: urlsOf(text) };
  if (secret.length !== SECRET_LENGTH)
    return { ...named, wrong: 'cut', secretLength: secret.length };
  return { ...named, token };
}

function urlsOf(text: string): string[] {
  const written = [...text.matchAll(LINE_URL)].map(([, url = '']) => url);
  if (written.length > 0) return written;
  const link = LINK.exec(text);
  return link ? [`${link[1] === 'holdfast' ? 'https' : 'http'}://${link[2]}`] : [];
}

export function isUrl(text: string): boolean {
  return /^(https?|holdfast(\+http)?):\/\/[^\s/]+/.test(text.trim());
}
