import test from 'ava';
import { Federation } from '../state/federation.ts';
import { made, serve } from './server-for-tests.ts';

const link = (...projects: [keystone: string, id: string][]) => ({
  project_link: { projects: projects.map(([keystone, id]) => ({ keystone, project_id: id })) },
});

test('an administrator links projects of several Keystones, sees the links, and takes one back', async (t) => {
  const { call, world } = await serve(t);

  const linked = await call('admin', 'POST', '/v2/project-links', link(['north', 'p1'], ['south', 'p2']));
  t.is(linked.status, 201);
  const { id } = linked.body.project_link;
  t.is(linked.headers.get('location'), `/v2/project-links/${id}`);
  t.deepEqual((await call('admin', 'GET', '/v2/project-links')).body.project_links, [linked.body.project_link]);
  const restored = new Federation();
  restored.restore(world.federation.snapshot());
  t.deepEqual(restored.projectLinks(), world.federation.projectLinks());

  t.is((await call('admin', 'DELETE', `/v2/project-links/${id}`)).status, 200);
  t.is((await call('admin', 'DELETE', `/v2/project-links/${id}`)).body.error.title, 'project.not_linked');
  t.deepEqual(world.federation.projectLinks(), []);
});

test('nobody else links projects, and no project is in two links', async (t) => {
  const { call } = await serve(t);
  const wish = link(['north', 'p1'], ['south', 'p2']);

  for (const token of ['demo', 'viewer']) {
    t.is((await call(token, 'POST', '/v2/project-links', wish)).body.error.title, 'access.denied');
    t.is((await call(token, 'GET', '/v2/project-links')).body.error.title, 'access.denied');
  }
  t.is((await call('admin', 'POST', '/v2/project-links', wish)).status, 201);
  const again = await call('admin', 'POST', '/v2/project-links', link(['west', 'p3'], ['south', 'p2']));
  t.is(again.body.error.title, 'project.linked');
  t.regex(again.body.error.message, /p2 of south/);
});

test('what cannot be a link is refused, naming what is wrong', async (t) => {
  const { call } = await serve(t);
  const refusal = async (wish: object): Promise<string> =>
    (await call('admin', 'POST', '/v2/project-links', wish)).body.error.message;

  t.regex(await refusal(link(['north', 'p1'])), /projects/);
  t.regex(
    await refusal(link(['north', 'p1'], ['east', 'p2'])),
    /projects\.1\.keystone: names none .*north, south, west/,
  );
  t.regex(await refusal(link(['north', 'p1'], ['north', 'p1'])), /has a project twice/);
});

test('a project that has clusters is named first, or they would be lost to it', async (t) => {
  const { call } = await made(t);

  const second = await call('admin', 'POST', '/v2/project-links', link(['south', 'q'], ['north', 'p']));
  t.is(second.body.error.title, 'project.in_use');
  t.regex(second.body.error.message, /orders/);
  t.is((await call('admin', 'POST', '/v2/project-links', link(['north', 'p'], ['south', 'q']))).status, 201);
});
