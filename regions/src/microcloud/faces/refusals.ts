// How the services say no.
import { HttpError } from '../web.ts';

/** Nova's and Cinder's way to say no. */
export function fault(status: number, message: string): HttpError {
  const names = {
    400: 'badRequest',
    403: 'forbidden',
    404: 'itemNotFound',
    409: 'conflictingRequest',
    413: 'overLimit',
  };
  const name = names[status as keyof typeof names];
  return new HttpError(status, message, { [name ?? 'computeFault']: { code: status, message } });
}

/** Neutron's. */
export function neutronError(status: number, type: string, message: string): HttpError {
  return new HttpError(status, message, { NeutronError: { type, message, detail: '' } });
}
