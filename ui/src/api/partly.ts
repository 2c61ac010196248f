// Streams that name what could not be read at their end, after all that could.
import { failure, type Failure } from './failure';

export interface Partly<T> {
  all: T[];
  /** What is missing, and why. */
  unread?: Failure;
}

/** What came; where nothing did, or the stream broke off, it is the failure that it was. */
export async function partly<T>(items: AsyncIterable<T>): Promise<Partly<T>> {
  const all: T[] = [];
  try {
    for await (const one of items) all.push(one);
  } catch (thrown) {
    const unread = failure(thrown);
    if (unread.code !== 'unreadable' || all.length === 0) throw thrown;
    return { all, unread };
  }
  return { all };
}
