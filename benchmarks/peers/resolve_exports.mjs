// resolve.exports: the same cases. Arguments: node_modules' folder, the file of cases, times.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [home, file, times] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const { exports: resolve } = createRequire(join(home, 'package.json'))('resolve.exports');
const { cases, conditions } = JSON.parse(readFileSync(file, 'utf8'));
const pairs = cases.flatMap(({ exports, subpaths }) => subpaths.map(subpath => [{ name: 'p', exports }, subpath]));
const options = { unsafe: true, conditions };
let found = 0;
const begun = process.cpuUsage();
for (let time = 0; time < times; time++) {
  for (const [manifest, subpath] of pairs) {
    try { if (resolve(manifest, subpath, options)) found++; } catch { /* not exported */ }
  }
}
const used = process.cpuUsage(begun);
console.log(JSON.stringify({ resolutions: pairs.length * times, found, cpu: (used.user + used.system) / 1e6 }));
