// What a disk holds after a power cut, from the log that tests/faulty_disk.cc wrote.
import fs from 'node:fs';
import path from 'node:path';

// The changes that were made before the log had `end` bytes.
export function* changes(log, end = log.length) {
  for (let at = 0; at < end;) {
    const [op, name, other, size] = [0, 4, 8, 12].map(i => log.readUInt32LE(at + i));
    const offset = Number(log.readBigInt64LE(at + 16));
    const from = (start, length) => log.subarray(start, start + length);
    at += 24;
    const file = from(at, name).toString(), to = from(at + name, other).toString();
    yield { op: String.fromCharCode(op), file, to, offset, data: from(at + name + other, size) };
    at += name + other + size;
  }
}

class File {
  bytes = Buffer.alloc(0);
  pending = [];  // changes of what is in it that were not synced

  apply({ op, offset, data }) {
    if (op === 'T') this.bytes = Buffer.concat([this.bytes.subarray(0, offset), Buffer.alloc(Math.max(0, offset - this.bytes.length))]);
    else {
      if (this.bytes.length < offset + data.length)
        this.bytes = Buffer.concat([this.bytes, Buffer.alloc(offset + data.length - this.bytes.length)]);
      data.copy(this.bytes, offset);
    }
  }
  sync() {
    this.pending.splice(0).forEach(change => this.apply(change));
  }
}

// A disk after these changes, if the power went then. Kept of what was not synced is what `keeps()` says: of the writes
// to a file any, of the changes of names the first ones, as journalling file systems (ext4, XFS, Btrfs) keep them. Who
// syncs a file or a folder syncs its names as well: the same file systems do that, though POSIX asks for the folder's sync.
export function after_power_cut(log, end, keeps) {
  let durable = new Map();             // name → File, as it is on the disk
  const names = new Map();             // as programs see it
  let waiting = [];                    // changes of names that were not synced
  const settle = () => {
    for (const change of waiting.splice(0)) change(durable);
  };
  const name = change => {
    change(names);
    waiting.push(change);
  };
  for (const one of changes(log, end)) {
    const { op, file, to } = one, held = names.get(file);
    if (op === 'C') {
      const made = new File();
      name(on => on.set(file, made));
    } else if (op === 'W' || op === 'T') held?.pending.push(one);
    else if (op === 'S') {
      held?.sync();
      settle();
    } else if (op === 'R' && held) {
      name(on => {
        on.set(to, held);
        on.delete(file);
      });
    } else if (op === 'U') name(on => on.delete(file));
  }
  for (const change of waiting) {
    if (!keeps()) break;
    change(durable);
  }
  for (const file of new Set(durable.values()))
    for (const change of file.pending) if (keeps()) file.apply(change);
  return durable;
}

// Puts that disk below `root`, in place of what is there.
export function put_back(disk, root) {
  fs.rmSync(root, { recursive: true, force: true });
  for (const [name, { bytes }] of disk) {
    fs.mkdirSync(path.dirname(name), { recursive: true });
    fs.writeFileSync(name, bytes);
  }
}
