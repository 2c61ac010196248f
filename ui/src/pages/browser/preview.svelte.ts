// The beginning of a file, or a picture, as the daemon previews it.
import { failure, Failure } from '$/api';
import { sentence } from '$/format';
import { previewUrl, type Wanted } from './paths';

export type Shown =
  | { kind: 'loading' }
  | { kind: 'text'; text: string; cut: boolean }
  | { kind: 'picture'; url: string }
  | { kind: 'failed'; failure: Failure };

export class Preview {
  shown = $state.raw<Shown>({ kind: 'loading' });
  #closing = new AbortController();

  constructor(wanted: Wanted) {
    void this.#load(previewUrl(wanted));
  }

  close(): void {
    this.#closing.abort();
  }

  async #load(url: string): Promise<void> {
    try {
      const answer = await fetch(url, { signal: this.#closing.signal });
      this.shown = await read(answer, url);
    } catch (thrown) {
      if (!this.#closing.signal.aborted) this.shown = { kind: 'failed', failure: failure(thrown) };
    }
  }
}

async function read(answer: Response, url: string): Promise<Shown> {
  const type = answer.headers.get('content-type') ?? '';
  if (!answer.ok) return { kind: 'failed', failure: refused(await answer.text()) };
  if (type.startsWith('image/')) {
    // The browser asks for it once more: the page's policy allows no picture made from memory.
    await answer.body?.cancel();
    return { kind: 'picture', url };
  }
  if (!type.startsWith('text/plain'))
    return { kind: 'failed', failure: new Failure('refused', '', 'This is no text.') };
  const cut = answer.headers.get('holdfast-preview') === 'cut';
  return { kind: 'text', text: await answer.text(), cut };
}

/** A refusal is said in words or as a document, as the daemon likes. */
function refused(text: string): Failure {
  try {
    const { error } = JSON.parse(text) as {
      error: { code: string; message: string; remedy?: string };
    };
    return new Failure('refused', error.code, sentence(error.message), error.remedy);
  } catch {
    return new Failure('refused', '', sentence(text));
  }
}
