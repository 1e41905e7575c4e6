// Mastra: three steps that add one and carry a payload, stored by LibSQL in a file after every step.
// Arguments: node_modules' folder, database file, number of runs, bytes of payload.
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [home, file, runs, size] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
const require = createRequire(join(home, 'package.json'));
const load = name => import(pathToFileURL(require.resolve(name)));
const { createWorkflow, createStep } = await load('@mastra/core/workflows');
const { Mastra } = await load('@mastra/core/mastra');
const { LibSQLStore } = await load('@mastra/libsql');
const { z } = await load('zod');

const value = z.object({ n: z.number(), payload: z.string() });
const step = id => createStep({
  id, inputSchema: value, outputSchema: value,
  execute: async ({ inputData }) => ({ n: inputData.n + 1, payload: inputData.payload }),
});
const flow = createWorkflow({ id: 'count', inputSchema: value, outputSchema: value })
  .then(step('a')).then(step('b')).then(step('c')).commit();
for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
const storage = new LibSQLStore({ id: 'store', url: `file:${file}` });
const workflow = new Mastra({ workflows: { count: flow }, storage, logger: false }).getWorkflow('count');
const payload = 'x'.repeat(size);

let begun;
for (let number = 0; number < runs + 20; number++) {
  if (number === 20) begun = process.cpuUsage();
  const run = await workflow.createRun();
  const result = await run.start({ inputData: { n: 0, payload } });
  if (result.status !== 'success' || result.result.n !== 3) throw new Error(JSON.stringify(result).slice(0, 500));
}
const used = process.cpuUsage(begun);
console.log(JSON.stringify({ steps: 3 * runs, cpu: (used.user + used.system) / 1e6 }));
process.exit(0);
