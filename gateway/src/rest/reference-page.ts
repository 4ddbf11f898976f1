// /v2/openapi.json and /docs: the API document, and a page to read it by (Swagger UI). The page asks nothing of any other
// host: its two files come from here, and its policy forbids all else.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { ApiError } from './errors.ts';
import { describeApi } from './openapi.ts';
import type { OpenPage, Route } from './route.ts';

const POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'";
const CACHE = 'public, max-age=3600';
const require = createRequire(import.meta.url);

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Argosy API reference</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** In a file of its own, for the policy admits no script within the page. */
const START = `SwaggerUIBundle({ url: '/v2/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });
`;

/** The pages that describe these routes and pages, and themselves. */
export function referencePages(routes: readonly Route[], others: readonly OpenPage[]): OpenPage[] {
  let document: object | undefined;
  const pages: OpenPage[] = [
    {
      path: '/v2/openapi.json',
      summary: 'This document',
      mediaType: 'application/json',
      answers: { 200: z.looseObject({ openapi: z.string(), info: z.unknown(), paths: z.unknown() }) },
      handle: () => {
        document ??= describeApi({ routes, pages: [...others, ...pages] });
        return { status: 200, body: document };
      },
    },
    {
      path: '/docs',
      summary: 'This document as a page to read',
      mediaType: 'text/html; charset=utf-8',
      answers: { 200: z.string() },
      handle: () => ({ status: 200, headers: { 'content-security-policy': POLICY }, content: PAGE }),
    },
    part('/docs/start.js', 'text/javascript; charset=utf-8', async () => START),
    part('/docs/swagger-ui.css', 'text/css; charset=utf-8', () => readAsset('swagger-ui.css')),
    part('/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8', () => readAsset('swagger-ui-bundle.js')),
  ];
  return pages;
}

function part(path: string, mediaType: string, read: () => Promise<string | Buffer>): OpenPage {
  let content: Promise<string | Buffer> | undefined;
  return {
    path,
    mediaType,
    answers: { 200: z.string() },
    handle: async () => {
      content ??= read();
      return { status: 200, headers: { 'cache-control': CACHE }, content: await content };
    },
  };
}

/** @throws ApiError route.not_found where Swagger UI is not installed: a peer runs without it. */
async function readAsset(name: string): Promise<Buffer> {
  try {
    return await readFile(require.resolve(`swagger-ui-dist/${name}`));
  } catch (error) {
    const message = 'The reference page is not installed here; /v2/openapi.json is.';
    throw new ApiError('route.not_found', message, { cause: error });
  }
}
