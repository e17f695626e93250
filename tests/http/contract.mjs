// Holds the server's answers to docs/api/openapi.yaml: what the contract does not name must not be answered.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import add_formats from 'ajv-formats';
import { parse } from 'yaml';

export const contract_file = new URL('../../docs/api/openapi.yaml', import.meta.url).pathname;
export const api = parse(fs.readFileSync(contract_file, 'utf8'));

const resolve = thing => thing?.$ref
  ? resolve(thing.$ref.slice(2).split('/').reduce((at, key) => at[key], api))
  : thing;

// Schemas that refuse properties they do not name. Within allOf a schema knows only some of an object's: there the
// whole is closed and its parts are not, so each named schema is kept in both forms.
const name_of = ref => ref.split('/').at(-1);
const values = (object, f) => Object.fromEntries(Object.entries(object).map(([key, value]) => [key, f(value)]));
const inner = schema => ({
  ...schema,
  ...schema.properties && { properties: values(schema.properties, closed) },
  ...schema.items && { items: closed(schema.items) },
  ...schema.oneOf && { oneOf: schema.oneOf.map(closed) },
  ...schema.allOf && { allOf: schema.allOf.map(part) },
});
const part = schema => (schema.$ref ? { $ref: `contract#/$defs/${name_of(schema.$ref)}.part` } : inner(schema));
function closed(schema) {
  if (schema.$ref) return { $ref: `contract#/$defs/${name_of(schema.$ref)}` };
  const whole = schema.type === 'object' || schema.allOf;
  return { ...inner(schema), ...whole && { type: 'object', unevaluatedProperties: false } };
}

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
add_formats(ajv);
ajv.addSchema({
  $id: 'contract',
  $defs: Object.fromEntries(Object.entries(api.components.schemas).flatMap(([name, schema]) =>
    [[name, closed(schema)], [`${name}.part`, part(schema)]])),
});
const compiled = new Map();

// Fails unless `value` is what the schema of the contract says, and no more.
export function conforms(value, schema, what) {
  if (!compiled.has(schema)) compiled.set(schema, ajv.compile(closed(schema)));
  const validate = compiled.get(schema);
  if (validate(value)) return;
  const why = validate.errors.map(e => `  ${e.instancePath || '/'} ${e.message} ${e.params.unevaluatedProperty ?? ''}`);
  assert.fail(`${what} is not what the contract says:\n${why.join('\n')}\n${JSON.stringify(value).slice(0, 2000)}`);
}
export const schema = name => api.components.schemas[name];

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
export const operations = Object.entries(api.paths).flatMap(([path, item]) =>
  METHODS.filter(method => item[method]).map(method => {
    const { operationId: id, responses, security: ways = api.security } = item[method];
    const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`), [scope = 'none'] = ways.flatMap(way => way.key ?? []);
    return { id, method: method.toUpperCase(), path, pattern, responses, ways, scope };
  }));

// operationId → the answers that were seen: "200", "304", "default".
export const seen = new Map(operations.map(({ id }) => [id, new Set()]));

const matches = (range, type) => (range.endsWith('/*') ? type.startsWith(range.slice(0, -1)) : type === range);

// → call(method, target, { body, headers, undocumented }), which fails if the answer breaks the contract. What is
// undocumented may only be answered with a problem. HEAD is GET without the body. A stream is left to the caller.
export function validating(address) {
  return async function call(method, target, { body, headers, undocumented = false } = {}) {
    const what = `${method} ${target}`, [path] = target.split('?'), head = method === 'HEAD';
    const operation = operations.find(o => o.method === (head ? 'GET' : method) && o.pattern.test(path));
    assert.ok(operation || undocumented, `${what} is not in the contract`);
    const response = await fetch(address + target, { method, body, headers, signal: AbortSignal.timeout(120_000) });
    const { status } = response, type = response.headers.get('content-type')?.split(';')[0] ?? null;
    const answer = { status, headers: response.headers, type, json: null, text: '', bytes: Buffer.alloc(0) };
    if (type === 'text/event-stream' && status === 200) {
      answer.stream = response.body;
    } else {
      answer.bytes = Buffer.from(await response.arrayBuffer());
      answer.text = answer.bytes.toString();
      if (/\bjson$/.test(type) && !head) answer.json = JSON.parse(answer.text);
    }

    const said = `${what} → ${status} ${type ?? ''} ${type?.startsWith('image/') ? '' : answer.text.slice(0, 500)}`;
    const key = operation?.responses[status] || status < 400 ? String(status) : 'default';
    const expected = resolve(operation ? operation.responses[key] : api.components.responses.Problem);
    assert.ok(expected && (operation || status >= 400), `not in the contract: ${said}`);
    seen.get(operation?.id)?.add(key);
    for (const [name, header] of Object.entries(expected.headers ?? {}))
      assert.ok(!resolve(header).required || response.headers.has(name), `without ${name}: ${said}`);
    if (!expected.content) {
      assert.equal(answer.bytes.length, 0, `has a body: ${said}`);
      return answer;
    }
    const content = Object.entries(expected.content).find(([range]) => type && matches(range, type))?.[1];
    assert.ok(content, `another Content-Type than ${Object.keys(expected.content)}: ${said}`);
    if (head) assert.equal(answer.bytes.length, 0, `has a body: ${said}`);
    else if (content.schema) conforms(answer.json, content.schema, said);
    if (key === 'default' && !head) assert.equal(answer.json.status, status, said);
    return answer;
  };
}
