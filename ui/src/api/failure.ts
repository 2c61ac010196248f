// Every refused or lost call, as one type: a sentence, and what to do.
import { Code, ConnectError } from '@connectrpc/connect';
import { sentence } from '$/format/sentence';
import { ErrorSchema } from '$/gen/holdfast/api/v1/api_pb';

/** How a caller must take a failure; which sentence is shown does not depend on it. */
export type FailureKind = 'refused' | 'login' | 'forbidden' | 'unreachable' | 'cancelled';

export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    /** A word of the API, such as `not-found`; `` where the daemon gave none. */
    readonly code: string,
    message: string,
    readonly remedy?: string,
  ) {
    super(message);
    this.name = 'Failure';
  }
}

const KINDS: Partial<Record<Code, FailureKind>> = {
  [Code.Unauthenticated]: 'login',
  [Code.PermissionDenied]: 'forbidden',
  [Code.Unavailable]: 'unreachable',
  [Code.DeadlineExceeded]: 'unreachable',
  [Code.Canceled]: 'cancelled',
};

/** What a call threw, whatever it was. */
export function failure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const error = ConnectError.from(thrown);
  const detail = error.findDetails(ErrorSchema)[0];
  if (detail) {
    const remedy = detail.remedy && sentence(detail.remedy);
    return new Failure(
      KINDS[error.code] ?? 'refused',
      detail.code,
      sentence(detail.message),
      remedy,
    );
  }
  if (isLostConnection(error)) {
    return new Failure(
      'unreachable',
      '',
      'The daemon did not answer.',
      'Check that it runs: holdfast status',
    );
  }
  return new Failure(KINDS[error.code] ?? 'refused', '', sentence(error.rawMessage));
}

/** A `fetch` that got no answer at all is a TypeError in every browser. */
function isLostConnection(error: ConnectError): boolean {
  return error.code === Code.Unavailable || error.cause instanceof TypeError;
}
