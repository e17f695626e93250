// Starts the real server, for the tests beside this file and those of the command line.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { environment, program } from '../cli/mimeme.mjs';

// `mimeme serve ...args` on a port of its own.
export async function serve(library, ...args) {
  return started(library, program, ['serve', '--port', '0', '--json', ...args]);
}

// Any command that becomes the server, whose process is `pid`. `rss` is what it holds of memory, in kB; `end` sends SIGTERM,
// or what else it is told to, and resolves to its exit status.
export async function started(library, command, args) {
  const child = spawn(command, args, { env: environment(library), stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close').then(([code]) => code);
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    closed.then(code => assert.fail(`the server ended with ${code}`)),
  ]);
  const { address } = JSON.parse(line);
  const rss = () => Number(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m)[1]);
  const end = (signal = 'SIGTERM') => {
    child.kill(signal);
    return closed;
  };
  return { address, pid: child.pid, port: Number(new URL(address).port), rss, end };
}
