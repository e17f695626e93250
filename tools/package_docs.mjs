// tools/package_docs.mjs PROGRAM VERSION FOLDER: writes into FOLDER what a package has beside the program. The manual and the
// completions are made of what `mimeme … --help` says, the changelog of CHANGELOG.md: none of them can go stale.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const [program, version, folder] = process.argv.slice(2);

// ---- What the program says of itself: a tree of commands.

// { words, summary, usage, sections: {Options: [[names, text]…], …}, notes: lines that are none of these, commands }
function learn(words, summary = '') {
  const lines = execFileSync(program, [...words, '--help'], { encoding: 'utf8' }).trimEnd().split('\n').map(l => l.trimEnd());
  const command = { words, summary, sections: {}, notes: [], commands: [] };
  let section = null;
  for (const line of lines.slice(1)) {
    if (line.startsWith('Usage: ')) command.usage = line.slice('Usage: '.length);
    else if (/^[A-Z][a-z]+:$/.test(line)) section = command.sections[line.slice(0, -1)] = [];
    else if (section && /^ {10,}\S/.test(line)) section.at(-1)[1] += line.trim();  // below names that are long
    else if (section && /^ {2}\S/.test(line)) section.push(split(line.trim()));
    else if (section && line === '') section = null;
    else command.notes.push(line);
  }
  if (!command.usage) throw new Error(`no usage: mimeme ${words.join(' ')} --help`);
  for (const [name, text] of command.sections.Subcommands ?? []) command.commands.push(learn([...words, name], text));
  return command;
}

function split(line) {
  const [, names, text] = line.match(/^(.*?)(?: {2,}(.*))?$/);
  return [names, text ?? ''];
}

const all = command => [command, ...command.commands.flatMap(all)];
const options = command => (command.sections.Options ?? []).map(([names, text]) => {
  const [spelled, ...value] = names.split(' ');
  return { names: spelled.split(','), value: value[0]?.replace(/=.*/, ''), text };
});

// ---- The manual

const roff = text => text.replace(/\\/g, '\\e').replace(/-/g, '\\-').replace(/^([.'])/gm, '\\&$1').replace(/"/g, '\\(dq')
  .replace(/[^\0-\x7f]/gu, c => `\\[u${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`);

// Paragraphs are set as such; what is indented (commands to type) stays as it is.
function paragraphs(lines) {
  let out = '', open = false;
  for (const line of lines) {
    const verbatim = line.startsWith('  ');
    if (verbatim !== open && line) {
      out += verbatim ? '.PP\n.RS 2\n.nf\n' : '.fi\n.RE\n.PP\n';
      open = verbatim;
    }
    out += line ? `${roff(verbatim ? line.slice(2) : line)}\n` : open ? '\n' : '.PP\n';
  }
  return (open ? `${out}.fi\n.RE\n` : out).replace(/^(\.PP\n)+/, '').replace(/(\.PP\n)+/g, '.PP\n').replace(/\.PP\n$/, '')
    .replace(/\n+(?=\.fi)/g, '\n');
}

const called = command => command.usage.replace(' [OPTIONS]', '');
const listed = rows => rows.map(([names, text]) => `.TP\n.B ${roff(names)}\n${roff(text) || '\\&'}\n`).join('');

function manual(mimeme, date) {
  const shared = new Set(mimeme.notes.filter(Boolean));  // the end of most commands' help is that of the program's own
  let out = `.\\" Made by tools/package_docs.mjs of what mimeme \\-\\-help says.\n`;
  out += `.TH MIMEME 1 ${date} "mimeme ${version}" "User Commands"\n`;
  out += '.SH NAME\nmimeme \\- image search for memes, on your own machine\n';
  out += `.SH SYNOPSIS\n.nf\n${all(mimeme).filter(c => !c.commands.length).map(c =>
    roff(called(c))).join('\n')}\n.fi\n`;
  out += '.SH DESCRIPTION\nGive it a picture and it finds the same picture, the same template with other words, and what else ' +
    'looks like it. Give it words and it finds pictures by what they say, show and are called. It indexes folders where they ' +
    'are, never changes a file, and needs no GPU and no internet.\n';
  out += `.SH OPTIONS\nOf every command:\n${listed(mimeme.sections.Options)}`;
  out += '.SH COMMANDS\n';
  for (const command of all(mimeme).slice(1)) {
    if (command.commands.length) continue;
    out += `.SS ${roff(called(command))}\n${roff(command.summary)}.\n`;
    out += listed(command.sections.Positionals ?? []);
    out += listed((command.sections.Options ?? []).filter(([names]) => names !== '-h,--help'));
    const notes = command.notes.filter(line => !shared.has(line) && !line.startsWith('Also: '));
    if (notes.some(Boolean)) out += `.PP\n${paragraphs(notes)}`;
  }
  const end = mimeme.notes.findIndex(line => line.startsWith('Exit status:'));
  const [status, ...rest] = paragraphs(mimeme.notes.slice(end)).replace('Exit status: ', '').split('.PP\n');
  out += `.SH EXIT STATUS\n${status}`;
  out += `.SH EXAMPLES\n${rest.join('.PP\n')}`;
  out += '.SH ENVIRONMENT\n' + listed([
    ['MIMEME_LIBRARY', 'The library\'s folder, if --library does not name it.'],
    ['MIMEME_MODELS', 'Folders of models, with : between; those of your own go into the first.'],
    ['MIMEME_DESCRIBER_KEY', 'The key of the vision-language model that mimeme.toml names.'],
  ]);
  out += '.SH FILES\n' + listed([
    ['~/.local/share/mimeme', 'The library, where nothing else is said.'],
    ['mimeme.toml', 'Its settings, in the library\'s folder.'],
    ['/var/lib/mimeme', 'The library of the system\'s service.'],
    ['/etc/mimeme/mimeme.toml', 'The settings of the system\'s service.'],
    ['/usr/share/doc/mimeme/deploy.md', 'The service, web servers in front of it, backup, upgrade, removal.'],
  ]);
  out += '.SH SEE ALSO\n.BR systemctl (1)\n';
  return out;
}

// ---- Completions: commands, their options, and else files.

const key = command => ['mimeme', ...command.words].join('_');
const names = command => [...options(command).flatMap(o => o.names)];

function bash(mimeme) {
  const globals = names(mimeme).filter(name => name !== '--version' && name.startsWith('--'));
  const rows = all(mimeme).map(c => {
    const own = c === mimeme ? names(c) : [...new Set([...names(c), ...globals])];
    return `    ${key(c)}) words='${[...c.commands.map(s => s.words.at(-1)), ...own.filter(n => n.startsWith('--'))].join(' ')}'` +
      ` subcommands='${c.commands.map(s => s.words.at(-1)).join(' ')}' ;;`;
  });
  return `# Made by tools/package_docs.mjs.
_mimeme_words() {
  case $1 in
${rows.join('\n')}
    *) words='' subcommands='' ;;
  esac
}
_mimeme() {
  local current=\${COMP_WORDS[COMP_CWORD]} command=mimeme words subcommands i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    [[ \${COMP_WORDS[i - 1]} == --library ]] && continue
    _mimeme_words "$command"
    [[ " $subcommands " == *" \${COMP_WORDS[i]} "* ]] && command+=_\${COMP_WORDS[i]}
  done
  _mimeme_words "$command"
  COMPREPLY=()
  if [[ -n $subcommands || $current == -* ]] && [[ \${COMP_WORDS[COMP_CWORD - 1]} != --library ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -o bashdefault -o default -F _mimeme mimeme  # nothing of ours: file names
`;
}

const quoted = text => `'${text.replace(/'/g, "'\\''")}'`;

function zsh(mimeme) {
  const spec = o => {
    const text = o.text.replace(/[\[\]]/g, '').replace(/:/g, '\\:');
    return o.names.map(name => quoted(`${name}[${text}]${o.value ? `:${o.value}:_files` : ''}`)).join(' ');
  };
  const globals = options(mimeme).filter(o => !o.names.includes('--version'));
  const body = c => {
    const taken = new Set(names(c));
    const specs = [...options(c), ...(c === mimeme ? [] : globals.filter(o => !o.names.some(n => taken.has(n))))].map(spec);
    if (!c.commands.length) return `${key(c)}() { _arguments ${specs.join(' ')} '*:file:_files' }`;
    const list = c.commands.map(s => quoted(`${s.words.at(-1)}:${s.summary.replace(/:/g, '\\:')}`)).join(' ');
    return `${key(c)}() {
  local state line commands=(${list})
  _arguments -C ${specs.join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument) (( $+functions[_${key(c)}_$line[1]] )) && _${key(c)}_$line[1] ;;
  esac
}`;
  };
  return `#compdef mimeme\n# Made by tools/package_docs.mjs.\n${all(mimeme).map(c => `_${body(c)}`).join('\n')}\n_mimeme "$@"\n`;
}

function fish(mimeme) {
  let out = '# Made by tools/package_docs.mjs.\n';
  const row = (condition, o) => `complete -c mimeme ${condition}` + o.names.map(n =>
    n.startsWith('--') ? ` -l ${n.slice(2)}` : ` -s ${n.slice(1)}`).join('') + `${o.value ? ' -r' : ''} -d ${quoted(o.text)}\n`;
  for (const o of options(mimeme)) out += row('', o);
  for (const command of all(mimeme)) {
    const within = command.words.map(w => `__fish_seen_subcommand_from ${w}`).join('; and ');
    const below = command.commands.map(s => s.words.at(-1));
    for (const sub of command.commands) {
      const none = `not __fish_seen_subcommand_from ${below.join(' ')}`;
      out += `complete -c mimeme -f -n ${quoted(within ? `${within}; and ${none}` : none)} -a ${sub.words.at(-1)} -d ${quoted(sub.summary)}\n`;
    }
    if (command !== mimeme)
      for (const o of options(command)) if (!o.names.includes('--help')) out += row(`-n ${quoted(within)}`, o);
  }
  return out;
}

// ---- The changelog, in Debian's form.

// Lines of at most 80 columns, four of them blank.
function wrapped(text) {
  let out = '', line = '   ';
  for (const word of text.trim().split(/\s+/)) {
    if (line.length + word.length >= 80) [out, line] = [`${out}${line}\n`, '   '];
    line += ` ${word}`;
  }
  return out + line;
}

function changelog(maintainer, date) {
  const [, text] = fs.readFileSync('CHANGELOG.md', 'utf8').match(/^## .*\n+([^]*?)(?=\n## |$(?![^]))/m);
  const entries = text.trim().split(/\n(?=- )/).map(entry => wrapped(entry.slice(2)).replace(/^ {4}/, '  * '));
  return `mimeme (${version}) unstable; urgency=medium\n\n${entries.join('\n')}\n\n -- ${maintainer}  ${date}\n`;
}

// The same sources give the same package: the date is theirs.
const stamp = process.env.SOURCE_DATE_EPOCH ?? fs.statSync('CHANGELOG.md').mtimeMs / 1000;
const date = new Date(Number(stamp) * 1000);
const mimeme = learn([]);
fs.mkdirSync(folder, { recursive: true });
const write = (name, text) => fs.writeFileSync(path.join(folder, name), text);
write('mimeme.1.gz', gzipSync(manual(mimeme, date.toISOString().slice(0, 10)), { level: 9 }));
write('mimeme.bash', bash(mimeme));
write('_mimeme', zsh(mimeme));
write('mimeme.fish', fish(mimeme));
write('changelog.gz', gzipSync(changelog('The mimeme project <mimeme@mimeme.invalid>',
  date.toUTCString().replace(/GMT$/, '+0000')), { level: 9 }));
