// What anybody may read, without a token: the versions, and whether this peer is well.
import { z } from 'zod';
import type { OpenPage } from './route.ts';
import { versionAnswer, versionDocument, versionsAnswer, versionsDocument } from './versions.ts';

export interface Readiness {
  readonly isReady: boolean;
  readonly reason: string;
}

const aliveAnswer = z.strictObject({ status: z.literal('alive') });
const readyAnswer = z.strictObject({ status: z.enum(['ready', 'not ready']), reason: z.string() });
const json = { mediaType: 'application/json' } as const;

export function openPages(readiness: () => Readiness): OpenPage[] {
  return [
    {
      ...{ path: '/', summary: 'The versions of the API', ...json, answers: { 200: versionsAnswer } },
      handle: (origin) => ({ status: 200, body: versionsDocument(origin) }),
    },
    {
      ...{ path: '/v2', summary: 'This version of the API', ...json, answers: { 200: versionAnswer } },
      handle: (origin) => ({ status: 200, body: versionDocument(origin) }),
    },
    {
      ...{ path: '/healthz', summary: 'Whether this peer lives', ...json, answers: { 200: aliveAnswer } },
      handle: () => ({ status: 200, body: { status: 'alive' } }),
    },
    {
      ...{ path: '/readyz', summary: 'Whether this peer may serve', ...json },
      answers: { 200: readyAnswer, 503: readyAnswer },
      handle: () => {
        const { isReady, reason } = readiness();
        return { status: isReady ? 200 : 503, body: { status: isReady ? 'ready' : 'not ready', reason } };
      },
    },
  ];
}
