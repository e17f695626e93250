// The contract of the HTTP API, as programs and as people read it.
//
//   node tools/openapi.mjs docs/api/openapi.yaml OUTDIR
//
// Writes OUTDIR/openapi.json, the same document, and OUTDIR/docs.html, a page that needs no script and nothing from
// elsewhere. Descriptions may have paragraphs and `code`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const ADDRESS = 'http://127.0.0.1:8080';

const [source, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: node tools/openapi.mjs openapi.yaml OUTDIR');
  process.exit(2);
}
const api = parse(readFileSync(source, 'utf8'));

const last = ref => ref.split('/').at(-1);
const resolve = thing => thing?.$ref
  ? resolve(thing.$ref.slice(2).split('/').reduce((at, key) => at[key], api))
  : thing;

const escape = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const code = text => `<code>${escape(text)}</code>`;
const inline = text => String(text ?? '').trim().split('`')
  .map((part, i) => (i % 2 ? code(part) : escape(part))).join('');
const prose = text => String(text ?? '').trim().split(/\n\s*\n/).filter(Boolean)
  .map(paragraph => `<p>${inline(paragraph)}</p>`).join('\n');

// "integer (int64), at least 0", "list of Image", `newest` or `oldest`.
function type_of(schema) {
  if (!schema) return 'bytes';
  if (schema.$ref) return `<a href="#schema-${escape(last(schema.$ref))}">${escape(last(schema.$ref))}</a>`;
  if (schema.enum) return schema.enum.map(code).join(' or ');
  if ('const' in schema) return code(schema.const);
  // Of an object that has fields of its own, oneOf says only which of them belong together.
  if (schema.oneOf && !schema.properties) return schema.oneOf.map(type_of).join(' or ');
  if (schema.allOf) return schema.allOf.filter(part => part.$ref).map(type_of).join(' and ') + ' and more';
  const { minItems: least, maxItems: most } = schema;
  if (schema.type === 'array')
    return (least ?? most) === undefined ? `list of ${type_of(schema.items)}`
      : `list of ${least === most ? least : `${least ?? 0} to ${most ?? 'any number'}`} × ${type_of(schema.items)}`;
  if (schema.contentMediaType) return 'bytes';
  const bounds = [];
  if (schema.minimum !== undefined) bounds.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined) bounds.push(`at most ${schema.maximum}`);
  if (schema.pattern) bounds.push(`as ${code(schema.pattern)}`);
  if (schema.minProperties) bounds.push(`at least ${schema.minProperties} field`);
  const name = [schema.type].flat().join(' or ') + (schema.format ? ` (${escape(schema.format)})` : '');
  return [name, ...bounds].join(', ');
}

const entry = (term, type, description, more = '') =>
  `<dt>${term} <span class="type">${type}</span></dt><dd>${description ? prose(description) : ''}${more}</dd>`;

// The fields of an object, and of the objects within it that have no name.
function fields_of(schema) {
  if (!schema || schema.$ref) return '';
  if (schema.items) return fields_of(schema.items);
  const parts = schema.allOf ?? (schema.properties ? [] : schema.oneOf) ?? [];
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? '' : ', optional';
    return entry(code(name), type_of(field) + optional, field.description, fields_of(field));
  });
  return parts.map(fields_of).join('') + (fields.length ? `<dl>${fields.join('\n')}</dl>` : '');
}

function parameter(given) {
  const p = resolve(given), notes = [`in the ${p.in}`, type_of(p.schema)];
  if (p.schema.default !== undefined) notes.push(`${code(p.schema.default)} if not given`);
  if (p.schema.type === 'array' && p.explode !== false) notes.push('may be repeated');
  if (p.schema.type === 'array' && p.explode === false) notes.push('separated by commas');
  return entry(code(p.name), notes.join(', '), p.description);
}

const contents = content => Object.entries(content ?? {}).map(([type, { schema }]) =>
  `<p>${code(type)}: ${type_of(schema)}</p>${fields_of(schema)}`).join('\n');

function answer([status, given]) {
  const a = resolve(given), headers = Object.entries(a.headers ?? {}).map(([name, header]) =>
    `<p>Header ${code(name)}: ${inline(resolve(header).description)}</p>`);
  return `<dt>${status === 'default' ? 'else' : code(status)}</dt>` +
    `<dd>${prose(a.description)}${headers.join('')}${contents(a.content)}</dd>`;
}

// Something that the schema allows, short.
function example(given) {
  const schema = resolve(given);
  if (schema.example !== undefined) return schema.example;
  if (schema.enum) return schema.enum[0];
  if (schema.type === 'array') return [example(schema.items)];
  if (schema.type === 'object') {
    const needed = [...schema.required ?? [], ...schema.oneOf?.[0].required ?? []];
    const names = needed.length ? needed : Object.keys(schema.properties).slice(0, 1);
    return Object.fromEntries(names.map(name => [name, example(schema.properties[name])]));
  }
  if (schema.pattern) return '0123456789abcdef0123456789abcdef';
  return [schema.type].flat()[0] === 'integer' ? 7 : '…';
}

function curl(method, target, parameters, operation) {
  const address = target.replace(/\{(\w+)\}/g, (_, name) => example(parameters.find(p => p.name === name).schema));
  const query = parameters.filter(p => p.in === 'query' && p.example !== undefined)
    .map(p => [p.example].flat().map(value => `${p.name}=${encodeURIComponent(value).replaceAll('%20', '+')}`)).flat();
  const content = resolve(operation.requestBody)?.content ?? {};
  const [type] = Object.keys(content), words = ['curl'];
  if (method !== 'get' && !(method === 'post' && type)) words.push(`-X ${method.toUpperCase()}`);
  if (operation.responses['200']?.content?.['text/event-stream']) words.push('-N');
  if (type === 'multipart/form-data') words.push('-F file=@one.jpg', '-F file=@two.png');
  else if (type === 'application/json')
    words.push(`-H 'Content-Type: ${type}'`, `-d '${JSON.stringify(example(content[type].schema))}'`);
  else if (type) words.push('--data-binary @query.jpg');
  words.push(`'${ADDRESS}${address}${query.length ? '?' : ''}${query.join('&')}'`);
  return `<pre><code>${escape(words.join(' '))}</code></pre>`;
}

const section = (level, title, body) => (body ? `<h${level}>${title}</h${level}>\n${body}` : '');
const list = entries => (entries.length ? `<dl>${entries.join('\n')}</dl>` : '');

const operations = Object.entries(api.paths).flatMap(([target, item]) => METHODS.filter(m => item[m]).map(method => ({
  method, target, operation: item[method],
  parameters: [...item.parameters ?? [], ...item[method].parameters ?? []].map(resolve),
})));

function needs(operation) {
  const [scope] = (operation.security ?? api.security).flatMap(way => way.key ?? []);
  return scope ? `<p>Where a key is asked for: one of scope ${code(scope)}.</p>` : '';
}

function show({ method, target, operation, parameters }) {
  const body = resolve(operation.requestBody);
  return `<section id="${escape(operation.operationId)}">
<h3>${escape(operation.summary)}</h3>
<p class="address"><strong class="${method}">${method.toUpperCase()}</strong> ${code(target)}</p>
${prose(operation.description)}
${needs(operation)}
${curl(method, target, parameters, operation)}
${section(4, 'Parameters', list(parameters.map(parameter)))}
${section(4, 'Body', body && prose(body.description) + contents(body.content))}
${section(4, 'Answers', list(Object.entries(operation.responses).map(answer)))}
</section>`;
}

const schemas = Object.entries(api.components.schemas);
const of = tag => operations.filter(({ operation }) => operation.tags.includes(tag.name));
const style = readFileSync(new URL('openapi.css', import.meta.url), 'utf8');

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escape(api.info.title)}: the HTTP API</title>
<style>
${style}</style>
</head>
<body>
<a class="skip" href="#main">To the text</a>
<nav aria-label="Index">
${api.tags.map(tag => `<p><a href="#tag-${escape(tag.name)}">${escape(tag.name)}</a></p>
<ul>${of(tag).map(({ method, operation }) => `<li><a href="#${escape(operation.operationId)}">` +
  `<span class="${method}">${method}</span>${escape(operation.summary)}</a></li>`).join('\n')}</ul>`).join('\n')}
<p><a href="#schemas">schemas</a></p>
<ul class="names">${schemas.map(([name]) => `<li>${type_of({ $ref: `/${name}` })}</li>`).join('\n')}</ul>
</nav>
<main id="main">
<h1>${escape(api.info.title)}: the HTTP API</h1>
<p>${inline(api.info.summary)}. Version ${escape(api.info.version)}; <a href="openapi.json">openapi.json</a> is the same
for programs.</p>
${prose(api.info.description)}
${api.tags.map(tag => `<h2 id="tag-${escape(tag.name)}">${escape(tag.description)}</h2>
${of(tag).map(show).join('\n')}`).join('\n')}
<h2 id="schemas">Schemas</h2>
${schemas.map(([name, schema]) => `<section id="schema-${escape(name)}">
<h3>${escape(name)}</h3>
<p class="type">${type_of(schema)}</p>
${prose(schema.description)}
${fields_of(schema)}
</section>`).join('\n')}
</main>
</body>
</html>
`;

mkdirSync(out, { recursive: true });
writeFileSync(path.join(out, 'openapi.json'), JSON.stringify(api) + '\n');
writeFileSync(path.join(out, 'docs.html'), page);
