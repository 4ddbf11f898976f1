import { datastores } from '@argosy/datastores';
import test from 'ava';
import { newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';

const verifier = datastores.find('postgresql')?.passwordVerifier('correct horse', Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier, generation: 1 };

test('three members become a cluster', async (t) => {
  const federation = await newFederation();
  const guests = await Promise.all([1, 2, 3].map((ordinal) => Guest.boot(t, federation, { clusterId: 'c1', ordinal })));
  const [first, second, third] = guests as [Guest, Guest, Guest];
  const time = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const start = Date.now();
    try {
      const result = await work;
      t.log(name, Date.now() - start, 'ms', JSON.stringify(result));
      return result;
    } catch (error) {
      t.log(name, Date.now() - start, 'ms', String(error), guests.map((g) => g.log).join('\n'));
      throw error;
    }
  };
  await time('enrol', Promise.all(guests.map((guest) => guest.enrol())));
  await time('initialise', first.initialise());
  await time('promote', first.promote(1, 1, { voters: guests, admin }));
  await time('seed', Promise.all([second.seed(1, 1, first), third.seed(1, 1, first)]));
  await time('follow', Promise.all([second.follow(1, 1, first), third.follow(1, 1, first)]));
  await time('open', first.open(1, 1));
  const client = await time(
    'connect',
    first.connect('correct horse').then((c) => c),
  );
  await client.query('create table t (n int)');
  await client.query('insert into t values (1)');
  await client.end();
  const report = await first.report((r) => r.up && r.streams.length === 2);
  t.log(report);
  t.log(await second.report((r) => r.up));
  t.pass();
});
