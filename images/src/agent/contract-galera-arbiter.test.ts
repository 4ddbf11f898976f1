import test from 'ava';
import { tryArbiterContract } from '../testing/contract.ts';

tryArbiterContract(test, 'mariadb');
