// Long answers in slices, so that the page is drawn and scrolled between them.

/** A frame has 16 ms, of which the page needs some. */
const SLICE_MS = 8;

/** The same items; whoever takes them lets everything else go on every few milliseconds. */
export async function* paced<T>(items: AsyncIterable<T>): AsyncIterable<T> {
  let begun = performance.now();
  for await (const item of items) {
    yield item;
    if (performance.now() - begun < SLICE_MS) continue;
    await pause();
    begun = performance.now();
  }
}

/** A timer of no time waits 4 ms after a few of them; a message does not. */
function pause(): Promise<void> {
  return new Promise((then) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      then();
    };
    port2.postMessage(undefined);
  });
}
