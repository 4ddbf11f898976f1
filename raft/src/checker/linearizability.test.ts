import test from 'ava';
import { Random } from '../simulation/random.ts';
import { checkLinearizability } from './linearizability.ts';
import { type RegisterOperation, type RegisterValue, registerModel } from './register.ts';
import { illegal } from './sequential-object.ts';

const check = (history: readonly RegisterOperation[]) => checkLinearizability(registerModel, history);

function read(value: RegisterValue, invokedAt: number, at: number, key = ''): RegisterOperation {
  return { process: 1, input: { type: 'read', key }, invokedAt, answer: { output: { type: 'read', value }, at } };
}

function write(value: RegisterValue, invokedAt: number, at: number | undefined, key = ''): RegisterOperation {
  const answer = at === undefined ? undefined : { output: { type: 'write' } as const, at };
  return { process: 2, input: { type: 'write', value, key }, invokedAt, answer };
}

function cas(from: number, to: number, isSet: boolean | undefined, invokedAt: number, at: number): RegisterOperation {
  const answer = isSet === undefined ? undefined : { output: { type: 'cas', isSet } as const, at };
  return { process: 3, input: { type: 'cas', from, to }, invokedAt, answer };
}

test('reads that overlap a write see the old value or the new one', (t) => {
  t.is(check([write(1, 0, 10), read(undefined, 1, 5), read(1, 6, 9)]), 'linearizable');
  t.is(check([write(1, 0, 10), read(1, 1, 5), read(undefined, 6, 9)]), 'not-linearizable');
});

test('a read that begins after a write returned does not see what was before', (t) => {
  t.is(check([write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]), 'not-linearizable');
  t.is(check([write(1, 0, 1), write(2, 2, 3), read(2, 4, 5)]), 'linearizable');
});

test('what returns at the moment another is called overlaps it', (t) => {
  t.is(check([write(1, 0, 4), read(undefined, 4, 5)]), 'linearizable');
});

test('an unanswered write takes effect at any later time or never, but not twice and not before', (t) => {
  t.is(check([write(1, 0, undefined), read(undefined, 5, 6)]), 'linearizable');
  t.is(check([write(1, 0, undefined), read(undefined, 5, 6), read(1, 90, 91)]), 'linearizable');
  t.is(check([write(2, 1, 2), write(1, 5, undefined), read(1, 3, 4)]), 'not-linearizable');
  const returned = [write(1, 0, undefined), read(1, 5, 6), write(2, 7, 8), read(2, 9, 10), read(1, 11, 12)];
  t.is(check(returned), 'not-linearizable');
  t.is(check([write(1, 4, undefined), ...returned]), 'linearizable');
});

test('a compare-and-set that failed has seen another value, and an unanswered one may have done either', (t) => {
  t.is(check([write(1, 0, 1), cas(1, 2, false, 2, 3)]), 'not-linearizable');
  t.is(check([write(1, 0, 1), cas(3, 2, false, 2, 3), read(1, 4, 5)]), 'linearizable');
  t.is(check([write(1, 0, 1), cas(1, 2, undefined, 2, 3), read(1, 4, 5), read(2, 6, 7)]), 'linearizable');
  t.is(check([write(1, 0, 1), cas(1, 2, true, 2, 3), cas(1, 3, true, 2, 3)]), 'not-linearizable');
});

test('each key is checked alone', (t) => {
  t.is(check([write(1, 0, 1, 'a'), read(undefined, 2, 3, 'b'), read(1, 4, 5, 'a')]), 'linearizable');
  t.is(check([write(1, 0, 1, 'a'), read(1, 2, 3, 'b')]), 'not-linearizable');
});

test('a history that asks for too many states is undecided', (t) => {
  const history = Array.from({ length: 30 }, (_, at) => write(at, 0, 100)).concat(read(99, 1, 100));
  t.is(checkLinearizability(registerModel, history, { maxStates: 1000 }), 'undecided');
});

/** Tries every order. */
function isLinearizable(left: readonly RegisterOperation[], state: RegisterValue): boolean {
  if (left.every(({ answer }) => answer === undefined)) return true;
  const firstReturn = Math.min(...left.map(({ answer }) => answer?.at ?? Number.POSITIVE_INFINITY));
  return left.some((operation) => {
    if (operation.invokedAt > firstReturn) return false;
    const next = registerModel.step(state, operation.input, operation.answer?.output);
    return (
      next !== illegal &&
      isLinearizable(
        left.filter((other) => other !== operation),
        next,
      )
    );
  });
}

function randomHistory(random: () => number): RegisterOperation[] {
  const below = (count: number) => Math.floor(random() * count);
  return Array.from({ length: 2 + below(6) }, () => {
    const invokedAt = below(12);
    const at = invokedAt + 1 + below(6);
    const kind = random();
    if (kind < 0.4) return read(random() < 0.2 ? undefined : below(3), invokedAt, at);
    if (kind < 0.7) return write(below(3), invokedAt, random() < 0.3 ? undefined : at);
    const isSet = random() < 0.3 ? undefined : random() < 0.5;
    return cas(below(3), below(3), isSet, invokedAt, at);
  });
}

test('it says what trying every order says, for 20,000 small histories', (t) => {
  const seeded = new Random(1);
  const random = () => seeded.next();
  let linearizable = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const history = randomHistory(random);
    const expected = isLinearizable(history, undefined);
    if (expected) linearizable += 1;
    if ((check(history) === 'linearizable') !== expected) t.fail(`round ${round}: ${JSON.stringify(history)}`);
  }
  t.true(linearizable > 2_000 && linearizable < 18_000, `${linearizable} were linearizable`);
});
