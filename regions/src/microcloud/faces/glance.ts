// Glance: the images that the configuration names. A guest is a process of ours, so there is nothing behind them.
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { HttpError } from '../web.ts';
import { type Faces, idOf, isAskedFor } from './requests.ts';

const TOLD_AT = '2026-01-01T00:00:00Z';
const PROPERTIES = ['id', 'name', 'status', 'visibility', 'container_format', 'disk_format'];

/** What Glance of the Zed release is able to do, newest first; it has no microversions. */
const VERSIONS = ['2.15', '2.9', '2.7', '2.6', '2.5', '2.4', '2.3', '2.2', '2.1', '2.0'];

/** Which versions there are: asked without a token, and answered 300 as Glance does. */
export async function tellVersions(context: Context, next: () => Promise<unknown>): Promise<void> {
  if (!/^\/image\/?$/.test(context.path)) {
    await next();
    return;
  }
  const links = [{ rel: 'self', href: `${context.protocol}://${context.host}/image/v2/` }];
  const status = (index: number): string => (index === 0 ? 'CURRENT' : 'SUPPORTED');
  context.status = 300;
  context.body = { versions: VERSIONS.map((version, index) => ({ id: `v${version}`, status: status(index), links })) };
}

export function addGlance(router: Router, { cloud }: Faces): void {
  const images = cloud.config.images.map(image);
  router.get('/image/v2/images', (context) => {
    context.body = {
      images: images.filter((one) => isAskedFor(context, one, ['id', 'name'])),
      schema: '/v2/schemas/images',
      first: '/v2/images',
    };
  });
  router.get('/image/v2/images/:id', (context: Context) => {
    const found = images.find(({ id }) => id === context.params.id);
    if (found === undefined) throw new HttpError(404, '', `No image found with ID ${context.params.id}`);
    context.body = found;
  });
  // Clients build what they take for an image from this.
  router.get('/image/v2/schemas/image', (context) => {
    context.body = {
      name: 'image',
      properties: Object.fromEntries(PROPERTIES.map((name) => [name, { type: 'string' }])),
      additionalProperties: { type: 'string' },
    };
  });
}

/** The name of an image of this id. */
export function imageName({ cloud }: Faces, id: string): string | undefined {
  return cloud.config.images.find((name) => idOf('image', name) === id);
}

function image(name: string): Record<string, unknown> {
  const id = idOf('image', name);
  return {
    ...{ id, name, status: 'active', visibility: 'public', min_ram: 0, min_disk: 0, size: 0, tags: [] },
    ...{ container_format: 'bare', disk_format: 'raw', created_at: TOLD_AT, updated_at: TOLD_AT },
    ...{ self: `/v2/images/${id}`, file: `/v2/images/${id}/file`, schema: '/v2/schemas/image' },
  };
}
