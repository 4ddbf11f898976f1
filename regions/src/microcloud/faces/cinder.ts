// Cinder: volumes, each a folder. They are there at once; attached they are in use, by Nova's word.
import { randomUUID } from 'node:crypto';
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { ResourceError } from '../cloud.ts';
import { VOLUME_TYPE } from '../resource-types.ts';
import { bodyOf } from '../web.ts';
import type { Belonging } from './belongings.ts';
import { type Faces, fault, idOf, now, projectOf } from './requests.ts';

type Body = Readonly<Record<string, unknown>>;

export const DEVICE = '/dev/vdb';

export function addCinder(router: Router, faces: Faces): void {
  const { cloud, belongings } = faces;
  const find = (context: Context): Belonging => {
    const found = belongings.find(projectOf(context), 'volume', context.params.id);
    if (found === undefined || cloud.volume(found.id) === undefined) {
      throw fault(404, `Volume ${context.params.id} could not be found.`);
    }
    return found;
  };
  const type = { id: idOf('volume type', VOLUME_TYPE), name: VOLUME_TYPE, is_public: true, extra_specs: {} };
  router.get('/volume/v3/:project/types', (context) => {
    context.body = { volume_types: [type] };
  });
  router.get('/volume/v3/:project/types/:id', (context: Context) => {
    if (context.params.id !== type.id) throw fault(404, `Volume type ${context.params.id} could not be found.`);
    context.body = { volume_type: type };
  });
  router.post('/volume/v3/:project/volumes', (context) => {
    const wanted = bodyOf(context).volume as Body;
    const [id, size] = [randomUUID(), Number(wanted.size)];
    if (!Number.isInteger(size) || size < 1) throw fault(400, `Invalid input for field/attribute size: ${wanted.size}`);
    const volume: Belonging = {
      ...{ id, kind: 'volume', projectId: projectOf(context), createdAt: now() },
      name: String(wanted.name ?? ''),
      told: { description: wanted.description ?? null, metadata: wanted.metadata ?? {} },
    };
    belongings.put(volume);
    cloud.createVolume(id, size);
    context.status = 202;
    context.body = { volume: { ...volumeBody(faces, volume), status: 'creating' } };
  });
  for (const listing of ['volumes', 'volumes/detail']) {
    router.get(`/volume/v3/:project/${listing}`, (context) => {
      const volumes = belongings.of(projectOf(context), 'volume').filter(({ id }) => cloud.volume(id) !== undefined);
      context.body = { volumes: volumes.map((volume) => volumeBody(faces, volume)) };
    });
  }
  router.get('/volume/v3/:project/volumes/:id', (context: Context) => {
    context.body = { volume: volumeBody(faces, find(context)) };
  });
  router.delete('/volume/v3/:project/volumes/:id', (context: Context) => {
    const { id } = find(context);
    if (cloud.volume(id)?.serverId !== null) {
      throw fault(400, 'Invalid volume: Volume status must be available or error and must not be attached.');
    }
    cloud.deleteVolume(id);
    belongings.remove(id);
    context.status = 202;
  });
  router.post('/volume/v3/:project/volumes/:id/action', (context: Context) => {
    const { id } = find(context);
    const extend = bodyOf(context)['os-extend'] as { new_size?: number } | undefined;
    if (extend === undefined) throw fault(400, 'There is no such action.');
    if (cloud.volume(id)?.serverId !== null) {
      throw fault(400, `Invalid volume: Volume ${id} status must be available to extend.`);
    }
    try {
      cloud.extendVolume(id, Number(extend.new_size));
    } catch (error) {
      if (error instanceof ResourceError) throw fault(400, error.message);
      throw error;
    }
    context.status = 202;
  });
}

function volumeBody({ cloud }: Faces, { id, name, projectId, createdAt, told }: Belonging): Body {
  const { sizeGib = 0, serverId = null } = cloud.volume(id) ?? {};
  const attachment = { server_id: serverId, id, attachment_id: id, volume_id: id, device: DEVICE, host_name: null };
  return {
    ...{ id, name, size: sizeGib, status: serverId === null ? 'available' : 'in-use', ...told },
    attachments: serverId === null ? [] : [{ ...attachment, attached_at: createdAt }],
    ...{
      availability_zone: 'nova',
      volume_type: VOLUME_TYPE,
      snapshot_id: null,
      source_volid: null,
      bootable: 'false',
    },
    ...{ encrypted: false, multiattach: false, created_at: createdAt, updated_at: createdAt },
    'os-vol-tenant-attr:tenant_id': projectId,
  };
}
