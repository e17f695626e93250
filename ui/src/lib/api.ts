import type { components, paths } from './contract';
import { reachable } from './reach.svelte';
import { session } from './session.svelte';
import { t } from './strings';

type Schemas = components['schemas'];
export type Image = Schemas['Image'];
export type ImageDetail = Schemas['ImageDetail'];
export type Hit = Schemas['SearchHits']['hits'][number];
export type SimilarHit = Schemas['SimilarHits']['hits'][number];
export type Relation = Schemas['Relation'];
export type Match = Schemas['Match'];
export type Line = Schemas['Line'];
export type Family = Schemas['Families']['families'][number];
export type DuplicateGroup = Schemas['DuplicateGroup'];
export type UnnamedFamily = Schemas['UnnamedFamily'];
export type Suggestion = Schemas['SuggestionPage']['suggestions'][number];
export type Upload = Schemas['Uploaded']['files'][number];
export type Job = Schemas['Job'];
export type Status = Schemas['Status'];
export type Failure = Schemas['Failure'];

/** What the server said went wrong (RFC 9457), or that it could not be asked. */
export class Problem extends Error {
  constructor(
    detail: string,
    readonly code: string,
    /** Seconds after which to ask again, if the server named them. */
    readonly retryAfter?: number,
  ) {
    super(detail);
  }

  static from(status: number, body: string, retryAfter: string | null): Problem {
    let said: Partial<Schemas['Problem']> = {};
    try {
      said = JSON.parse(body);
    } catch {
      // Something between us and the server answered.
    }
    return new Problem(said.detail ?? t.failedWith(status), said.code ?? 'internal', Number(retryAfter) || undefined);
  }
}

/** The message of whatever was thrown. */
export const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));

type Method = 'get' | 'post' | 'patch' | 'delete';
type With<M extends Method> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths];
type Json<R> = R extends { content: { 'application/json': infer T } } ? T : undefined;
type Answer<O> = O extends { responses: infer R } ? { [S in keyof R & (200 | 202 | 204)]: Json<R[S]> }[keyof R & (200 | 202 | 204)] : never;
type InPath<O> = O extends { parameters: { path: infer T } } ? T : undefined;
type Body<O> = O extends { requestBody: { content: infer C } }
  ? C extends { 'application/json': infer T }
    ? T | ('image/*' extends keyof C ? Blob : never)
    : Blob
  : undefined;

interface Options<O> {
  path?: InPath<O>;
  query?: Record<string, string | number | undefined> | string;
  body?: Body<O>;
  signal?: AbortSignal;
  /** Lets the request outlive the page. */
  keepalive?: boolean;
}

function address(template: string, path: Record<string, unknown> = {}, query: Options<never>['query'] = {}): string {
  const filled = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(path[name])));
  const pairs = typeof query === 'string' ? query : new URLSearchParams(
    Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  ).toString();
  return pairs ? `${filled}?${pairs}` : filled;
}

const pause = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));

/** A gateway in front of a server that is gone. */
const GATEWAY = [502, 504];

/**
 * Asks the server. What only reads is asked again, until the server can be reached or the asker lost interest (signal);
 * what changes something is not, because it may have happened.
 */
async function ask<M extends Method, P extends With<M>>(
  method: M,
  template: P,
  options: Options<paths[P][M]> = {},
): Promise<Answer<paths[P][M]>> {
  const { path, query, body, signal, keepalive } = options;
  const url = address(template, path as Record<string, unknown>, query);
  const headers: Record<string, string> = {};
  const sent: RequestInit = { method: method.toUpperCase(), headers, signal, keepalive };
  if (body instanceof Blob) sent.body = body;
  else if (body !== undefined) {
    sent.body = JSON.stringify(body);
    headers['Content-Type'] = 'application/json';
  }
  await session.known;
  if (session.needed) throw new Problem(t.signInText, 'unauthenticated');

  for (let attempt = 0; ; attempt++) {
    if (method !== 'get') Object.assign(headers, session.headers());
    const response = await fetch(url, sent).catch((error) => {
      if (signal?.aborted) throw error;
    });
    if (!response || GATEWAY.includes(response.status)) {
      const back = reachable();
      if (method !== 'get') throw new Problem(t.unreachable, 'unavailable');
      await back;
      signal?.throwIfAborted();
      continue;
    }
    if (response.ok) return (response.status === 204 ? undefined : await response.json()) as Answer<paths[P][M]>;

    if ((await session.refused(response.status)) && !attempt) continue;
    const problem = Problem.from(response.status, await response.text(), response.headers.get('Retry-After'));
    if (method !== 'get' || !problem.retryAfter || attempt === 5) throw problem;
    await pause(problem.retryAfter);
    signal?.throwIfAborted();
  }
}

type Rest<M extends Method, P extends With<M>> = [path: P, options?: Options<paths[P][M]>];
export const get = <P extends With<'get'>>(...rest: Rest<'get', P>) => ask('get', ...rest);
export const post = <P extends With<'post'>>(...rest: Rest<'post', P>) => ask('post', ...rest);
export const patch = <P extends With<'patch'>>(...rest: Rest<'patch', P>) => ask('patch', ...rest);
export const del = <P extends With<'delete'>>(...rest: Rest<'delete', P>) => ask('delete', ...rest);

export const original = (id: number) => `/api/v1/images/${id}/original`;
export const thumbnail = (id: number, size: 256 | 512 | 1024) => `/api/v1/images/${id}/thumbnail?size=${size}`;

/** For `srcset`: a size is of the longer side, `w` is of the width. */
export function thumbnails({ id, width, height }: Pick<Image, 'id' | 'width' | 'height'>): string {
  const share = width / Math.max(width, height);
  return ([256, 512, 1024] as const)
    .map((size) => `${thumbnail(id, size)} ${Math.max(1, Math.min(width, Math.round(size * share)))}w`)
    .filter((candidate, i, all) => all.findIndex((other) => other.split(' ')[1] === candidate.split(' ')[1]) === i)
    .join(', ');
}

/** The head of a BMP of 4 × 4 pixels, 16 bits each, from the left above: its pixels are what the server calls a preview. */
const BMP_HEAD = 'Qk1WAAAAAAAAADYAAAAoAAAABAAAAPz///8BABAAAAAAACAAAAAAAAAAAAAAAAAAAAAAAAAA';

/** An image's colours, for a background until it is there. The browser stretches them, which blurs them. */
export const preview = (image: Pick<Image, 'preview'>) =>
  image.preview && `url("data:image/bmp;base64,${BMP_HEAD}${image.preview}")`;

/** Hits from which on, if they are compared with one picture alone, are worth a look. Below, they are merely the nearest. */
export const WORTH_A_LOOK = 0.35;

/** The name that people know an image by: its file's, without the folder. */
export const nameOf = (image: Pick<Image, 'id' | 'paths'>) => image.paths[0]?.split(/[/\\]/).pop() || `#${image.id}`;
