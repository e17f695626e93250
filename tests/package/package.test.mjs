// The Debian package, in a Debian that has nothing else: installed, used, run by systemd behind nginx and Caddy, upgraded,
// removed, purged. Needs root, and apt's sources.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import { pick_stamps, scratch } from '../cli/mimeme.mjs';

const here = path.resolve('tests/package');
const root = path.join(scratch(), 'debian');
const skip = process.getuid() === 0 ? false : 'THE PACKAGE IS NOT TESTED: that needs root';
let version, deb;

function run(command, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 600_000 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}
function succeed(command, ...args) {
  const { code, out, err } = run(command, ...args);
  assert.equal(code, 0, `${command} ${args.join(' ')} → ${code}\n${out}${err}`);
  return out;
}
// A command in the chroot. /proc is mounted for it alone, so that nothing is left to unmount.
const chrooted = args => ['--mount', 'sh', '-c', 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', root, 'env', '-i',
  'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/nonexistent', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8', ...args];
const within = (...args) => succeed('unshare', ...chrooted(args));
const tried = (...args) => run('unshare', ...chrooted(args));
const as_mimeme = (...args) => ['setpriv', '--reuid=mimeme', '--regid=mimeme', '--init-groups', '--', ...args];
const command = (...args) => as_mimeme('mimeme', '--library', '/var/lib/mimeme', ...args);
const at = file => path.join(root, file);
const here_is = file => fs.existsSync(at(file)) || fs.lstatSync(at(file), { throwIfNoEntry: false }) !== undefined;

// All files but what apt, dpkg and their kind keep for themselves.
const files = () => new Set(succeed('find', root, '-xdev', '(', '-path', `${root}/var/lib/dpkg`, '-o', '-path', `${root}/var/lib/apt`, '-o',
  '-path', `${root}/var/cache`, '-o', '-path', `${root}/var/log`, '-o', '-path', `${root}/tmp`, '-o', '-path', `${root}/run`, ')', '-prune', '-o', '-print')
  .split('\n').filter(Boolean).map(file => file.slice(root.length)));

// The same package as if it were of a later version.
function later(deb, version) {
  const folder = path.join(scratch(), 'later');
  succeed('dpkg-deb', '-R', deb, folder);
  const control = path.join(folder, 'DEBIAN/control');
  fs.writeFileSync(control, fs.readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`));
  fs.appendFileSync(path.join(folder, 'etc/mimeme/mimeme.toml'), '# A later version says this too.\n');
  succeed('dpkg-deb', '-b', '-Zgzip', '-z1', folder, at('srv/later.deb'));
}

before(() => {
  if (skip) return;
  succeed('make', 'package');
  [, version] = fs.readFileSync('CMakeLists.txt', 'utf8').match(/project\(mimeme VERSION (\S+)/);
  deb = `build/package/mimeme_${version}_amd64.deb`;
  succeed('tools/make_chroot', root);
  within('apt-get', 'update', '-qq');
  fs.mkdirSync(at('srv/memes'));
  pick_stamps(3).forEach((stamp, i) => fs.copyFileSync(stamp, at(`srv/memes/${i}.png`)));
});

test('it installs in a Debian that has nothing else, and works for a user', { skip }, () => {
  fs.copyFileSync(deb, at('srv/this.deb'));
  within('apt-get', 'install', '-qq', '-y', '/srv/this.deb');
  assert.equal(within('mimeme', '--version'), `mimeme ${version}\n`);
  assert.doesNotMatch(within('ldd', '/usr/bin/mimeme'), /not found/);
  assert.equal(within('stat', '-c', '%U %G %a', '/var/lib/mimeme'), 'mimeme mimeme 700\n');
  assert.equal(within('readlink', '/var/lib/mimeme/mimeme.toml'), '/etc/mimeme/mimeme.toml\n');
  assert.ok(!here_is('etc/systemd/system/multi-user.target.wants/mimeme.service'), 'not enabled until asked for');

  assert.match(within(...command('add', '/srv/memes')), /3 images embedded/);
  const found = JSON.parse(within(...command('similar', '/srv/memes/1.png', '--json')));
  assert.deepEqual(found.hits[0].paths, ['/srv/memes/1.png']);
  within(...command('describe', '1', 'a thing that is kept'));
  // Without --library this user has none, and begins none anywhere.
  assert.notEqual(tried(...as_mimeme('mimeme', 'add', '/srv/memes')).code, 0);
});

test('what the unit starts answers, and ends', { skip }, async () => {
  const unit = fs.readFileSync(at('lib/systemd/system/mimeme.service'), 'utf8');
  const [, line] = unit.match(/^ExecStart=(.*)$/m);
  const settings = [...unit.matchAll(/^Environment=(.*)$/gm)].map(([, setting]) => setting);
  const server = spawn('unshare', chrooted(as_mimeme('env', ...settings, ...line.split(' '), '--port', '0', '--json')), { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [first] = await once(createInterface({ input: server.stdout }), 'line');
    const answer = await fetch(`${JSON.parse(first).address}/healthz`);
    assert.deepEqual(await answer.json(), { status: 'ok' });
  } finally {
    server.kill('SIGTERM');
  }
  assert.deepEqual(await once(server, 'close'), [0, null]);
});

test('the manual can be read, and Tab completes', { skip }, () => {
  within('apt-get', 'install', '-qq', '-y', 'man-db', 'bash-completion', 'zsh', 'fish');
  const manual = within('sh', '-c', 'zcat /usr/share/man/man1/mimeme.1.gz > /tmp/mimeme.1; MANWIDTH=80 man --warnings -l /tmp/mimeme.1 2>&1 | col -b');
  assert.doesNotMatch(manual, /warning|error:/);
  for (const says of [/^NAME\n +mimeme - image search/m, /^ +mimeme similar QUERY$/m, /--retry-failed/, /^EXIT STATUS\n\s+0\s+done\s+or\s+found/m]) assert.match(manual, says);

  const complete = (...words) => within('bash', '-c', `. /usr/share/bash-completion/completions/mimeme
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mimeme; printf '%s ' "\${COMPREPLY[@]}"`, 'bash', 'mimeme', ...words).trim();
  assert.equal(complete('sim'), 'similar');
  assert.equal(complete('pca', ''), 'fit show --help --library --catalog --json --quiet --verbose --log-format');
  assert.equal(complete('--library', 'pca', 'add', '--no'), '--no-words');
  assert.equal(complete('similar', 'pic'), '');
  within('zsh', '-n', '/usr/share/zsh/vendor-completions/_mimeme');
  assert.match(within('fish', '-c', 'complete -C "mimeme fam"'), /^families\t/);
  assert.match(within('fish', '-c', 'complete -C "mimeme pca fit --va"'), /^--variance/m);
});

test('systemd runs it, locked in, and nginx and Caddy pass on to it', { skip }, async t => {
  within('apt-get', 'install', '-qq', '-y', 'systemd', 'nginx-light', 'caddy');
  within('systemctl', '--quiet', 'disable', 'nginx', 'caddy');  // both want port 443: one after the other
  assert.equal(within('systemd-analyze', 'verify', '/lib/systemd/system/mimeme.service'), '');
  const exposure = within('systemd-analyze', 'security', '--offline=true', '--threshold=18', '/lib/systemd/system/mimeme.service');  // 1.8 of 10
  t.diagnostic(exposure.trim().split('\n').at(-1));

  // As docs/deploy.md says.
  const name = 'memes.example';
  fs.mkdirSync(at('etc/ssl/private'), { recursive: true });
  succeed('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`,
    '-keyout', at(`etc/ssl/private/${name}.key`), '-out', at(`etc/ssl/${name}.crt`));
  fs.copyFileSync(at('usr/share/doc/mimeme/examples/nginx.conf'), at('etc/nginx/conf.d/mimeme.conf'));
  fs.rmSync(at('etc/nginx/sites-enabled/default'), { force: true });
  // Nobody gives certificates in here: Caddy makes its own.
  fs.writeFileSync(at('etc/caddy/Caddyfile'), `{\n\tlocal_certs\n\tskip_install_trust\n}\n${fs.readFileSync(at('usr/share/doc/mimeme/examples/Caddyfile'), 'utf8')}`);
  fs.appendFileSync(at('etc/mimeme/mimeme.toml'), `[serve]\nhosts = ["${name}"]\nproxies = ["127.0.0.1"]\n`);
  within('nginx', '-t');
  within('caddy', 'validate', '--config', '/etc/caddy/Caddyfile', '--adapter', 'caddyfile');

  const boot = spawn(path.join(here, 'boot'), [root], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(boot, 'close');
  let gone = false;
  ended.then(() => (gone = true));
  try {
    // The first process in there: the only child of boot's child.
    const child = pid => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0];
    const into = (...args) => {
      const init = child(child(boot.pid));
      return run('nsenter', '-t', init, '--mount', '--pid', '--uts', '--ipc', '--cgroup', '--net', '--root', '--wd=/', 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...args);
    };
    const poll = async (what, condition) => {
      for (const deadline = Date.now() + 60_000; ; await new Promise(r => setTimeout(r, 100))) {
        if (gone) return false;
        try {
          if (condition()) return true;
        } catch {}
        assert.ok(Date.now() < deadline, `${what}: not within a minute`);
      }
    };
    if (!(await poll('systemd', () => into('systemctl', 'is-active', 'basic.target').code === 0))) {
      const [code] = await ended;
      assert.equal(code, 77, `boot ended with ${code}`);
      return t.skip('THE SERVICE WAS NOT RUN BY SYSTEMD: this machine does not let it boot');
    }
    const journal = () => into('journalctl', '-u', 'mimeme', '--no-pager').out + into('systemctl', 'status', '--no-pager', 'mimeme').out;
    const outside = (...args) => run('nsenter', '-t', child(child(boot.pid)), '--net', ...args);
    assert.equal(into('systemctl', 'enable', '--now', 'mimeme').code, 0, journal());
    await poll('healthz', () => outside('node', '-e', 'fetch("http://127.0.0.1:8080/healthz").then(r => process.exit(r.ok ? 0 : 1))').code === 0).catch(error => assert.fail(`${error}\n${journal()}`));

    // Commands beside it run in it: within the walls of the unit.
    const added = into(...command('add', '/srv/memes', '--json'));
    assert.equal(added.code, 0, added.err);
    assert.equal(into('mimeme', '--library', '/var/lib/mimeme', 'search', 'a thing that is kept').code, 0);
    fs.copyFileSync(at('srv/memes/2.png'), at('tmp/2.png'));
    assert.match(into(...command('similar', '/tmp/2.png')).out, /same picture .*\/srv\/memes\/2\.png/);
    const exported = into(...command('export', '/tmp/export'));
    assert.match(exported.err, /[Rr]ead-only/);
    assert.equal(into(...command('backup', '/var/lib/mimeme/backup')).code, 0);
    fs.rmSync(at('var/lib/mimeme/backup'), { recursive: true });

    const created = into(...command('keys', 'create', 'test', '--scope', 'admin', '--json'));
    assert.equal(created.code, 0, created.err);
    const { key } = JSON.parse(created.out);
    for (const proxy of ['nginx', 'caddy']) {
      assert.equal(into('systemctl', 'start', proxy).code, 0, into('journalctl', '-u', proxy, '--no-pager').out);
      let got;
      await poll(proxy, () => (got = outside('env', `KEY=${key}`, process.execPath, path.join(here, 'through_proxy.mjs'), name, pick_stamps(5)[proxy === 'nginx' ? 3 : 4])).code === 0)
        .catch(error => assert.fail(`${error}\n${got.out}${got.err}`));
      t.diagnostic(`${proxy}: ${got.out.trim()}`);
      const { page, large, stream, event_after_ms, upload, other, stranger } = JSON.parse(got.out);
      assert.equal(page, 200);
      assert.deepEqual(large, [415, 'application/problem+json'], 'twenty megabytes reach mimeme, which says what it thinks of them');
      assert.deepEqual(stream, [200, 'text/event-stream']);
      assert.ok(event_after_ms >= 0 && event_after_ms < 10_000, `the first event came after ${event_after_ms} ms`);
      assert.ok([200, 201].includes(upload[0]), String(upload));
      assert.equal(other, 403);
      assert.equal(stranger, 401);
      assert.equal(into('systemctl', 'stop', proxy).code, 0);
    }
    // What a process that locks itself in asks the kernel for is let through, and what it has no use for is not: 444 is
    // landlock_create_ruleset (its version), 317 seccomp (whether SECCOMP_RET_KILL_PROCESS is known), 250 keyctl.
    fs.writeFileSync(at('srv/walls.pl'), `use Errno;
      exit 1 if syscall(444, 0, 0, 1) < 0 && $!{EPERM};
      my $action = pack("L", 0x80000000);
      exit 2 if syscall(317, 2, 0, $action) < 0;
      exit 3 if syscall(250, 0, -3, 0) >= 0 || !$!{EPERM};\n`);
    fs.writeFileSync(at('etc/systemd/system/walls.service'), fs.readFileSync(at('lib/systemd/system/mimeme.service'), 'utf8')
      .replace('Type=exec', 'Type=oneshot').replace(/^Restart.*$/gm, '').replace(/^ExecStart=.*$/m, 'ExecStart=/usr/bin/perl /srv/walls.pl'));
    into('systemctl', 'daemon-reload');
    assert.equal(into('systemctl', 'start', 'walls').code, 0, into('systemctl', 'status', '--no-pager', 'walls').out);
    fs.rmSync(at('etc/systemd/system/walls.service'));

    const began = Date.now();
    assert.equal(into('systemctl', 'stop', 'mimeme').code, 0);
    assert.match(into('systemctl', 'show', '-p', 'Result,ExecMainStatus', 'mimeme').out, /Result=success\nExecMainStatus=0|ExecMainStatus=0\nResult=success/);
    t.diagnostic(`stopped in ${Date.now() - began} ms`);
  } finally {
    boot.kill('SIGTERM');
    await ended;
    fs.rmSync(at('etc/nginx/conf.d/mimeme.conf'));
  }
});

test('an upgrade keeps the library and the settings', { skip }, () => {
  const settings = fs.readFileSync(at('etc/mimeme/mimeme.toml'), 'utf8');
  fs.appendFileSync(at('etc/mimeme/mimeme.toml'), '# mine\n');
  later(deb, `${version}+later`);
  within('apt-get', 'install', '-qq', '-y', '-o', 'Dpkg::Options::=--force-confold', '/srv/later.deb');
  assert.equal(within('dpkg-query', '-W', '-f', '${Version} ${Status}', 'mimeme'), `${version}+later install ok installed`);
  assert.equal(fs.readFileSync(at('etc/mimeme/mimeme.toml'), 'utf8'), `${settings}# mine\n`);
  const described = JSON.parse(within(...command('search', 'a thing that is kept', '--json')));
  assert.equal(described.hits[0].id, 1);
  // And back, as one does when the new one disappoints.
  within('apt-get', 'install', '-qq', '-y', '--allow-downgrades', '-o', 'Dpkg::Options::=--force-confold', '/srv/this.deb');
  within(...command('check'));
});

test('removed, it leaves settings and library; purged, the library alone', { skip }, () => {
  within('apt-get', 'remove', '-qq', '-y', 'mimeme');
  for (const file of ['usr/bin/mimeme', 'usr/lib/mimeme', 'usr/share/mimeme', 'lib/systemd/system/mimeme.service']) assert.ok(!here_is(file), file);
  for (const file of ['etc/mimeme/mimeme.toml', 'var/lib/mimeme/catalog.duckdb']) assert.ok(here_is(file), file);

  const said = within('apt-get', 'purge', '-y', 'mimeme');
  assert.match(said, /library in \/var\/lib\/mimeme and the user mimeme are kept/);
  const left = [...files()].filter(file => file.includes('mimeme') && !file.startsWith('/var/lib/mimeme/'));
  assert.deepEqual(left, ['/var/lib/mimeme']);
  assert.ok(!here_is('var/lib/mimeme/mimeme.toml'), 'a link to nothing');
  assert.match(within('getent', 'passwd', 'mimeme'), /:\/nonexistent:\/usr\/sbin\/nologin$/m);

  // Installed again, it goes on with the same library.
  within('apt-get', 'install', '-qq', '-y', '/srv/this.deb');
  assert.equal(JSON.parse(within(...command('status', '--json'))).images >= 3, true);
  within('apt-get', 'purge', '-qq', '-y', 'mimeme');
});

test('where there is no library, nothing is left at all', { skip }, () => {
  fs.rmSync(at('var/lib/mimeme'), { recursive: true });
  within('deluser', '--quiet', '--system', 'mimeme');
  const before = files();
  within('apt-get', 'install', '-qq', '-y', '/srv/this.deb');
  within('apt-get', 'purge', '-qq', '-y', 'mimeme');
  assert.deepEqual([...files()].filter(file => !before.has(file)), []);
  assert.equal(tried('getent', 'passwd', 'mimeme').code, 2);
});
