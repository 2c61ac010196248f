// The one way to the daemon: gRPC-Web to where the page came from.
import type { Interceptor, Transport } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { failure } from './failure';

/** Told of every call that needs a login, so that the frame can ask for one. */
let onLoginNeeded: () => void = () => {};

export function whenLoginIsNeeded(then: () => void): void {
  onLoginNeeded = then;
}

const logins: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (thrown) {
    if (failure(thrown).kind === 'login') onLoginNeeded();
    throw thrown;
  }
};

export const daemon: Transport = createGrpcWebTransport({
  baseUrl: globalThis.location?.origin ?? 'http://localhost',
  interceptors: [logins],
});

let current = daemon;

/** Calls go elsewhere from now on: to fixtures, in tests and in `npm run dev`. */
export function useTransport(transport: Transport): void {
  current = transport;
}

export const transport: Transport = {
  unary: (...call) => current.unary(...call),
  stream: (...call) => current.stream(...call),
};
