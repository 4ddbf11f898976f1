import test from 'ava';
import { tryContract } from '../testing/contract.ts';

tryContract(test, 'mariadb');
