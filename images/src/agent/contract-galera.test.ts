import test from 'ava';
import { tryRuledContract } from '../testing/contract.ts';

tryRuledContract(test, 'mariadb');
