import { Problem, get, reason, type ImageDetail, type Upload as Outcome } from './api';
import { mayBePicture } from './pictures';
import { session } from './session.svelte';
import { t } from './strings';

export interface Upload {
  file: File;
  state: 'waiting' | 'comparing' | 'sending' | 'looking' | Outcome['outcome'];
  /** How much of it was sent, 0 … 1. */
  sent: number;
  image?: ImageDetail;
  error?: string;
}

/** Files on their way to the library: two at a time, and they go on while other pages are looked at. */
class Uploads {
  all = $state<Upload[]>([]);
  #busy = 0;

  add(files: Iterable<File>) {
    for (const file of files) {
      const error = !file.size ? t.emptyFile : !mayBePicture(file) ? t.notAPicture : undefined;
      this.all.push({ file, state: error ? 'failed' : 'waiting', sent: 0, error });
    }
    this.#go();
  }

  retry(upload: Upload) {
    Object.assign(upload, { state: 'waiting', sent: 0, error: undefined });
    this.#go();
  }

  clear() {
    this.all = this.all.filter((upload) => ['waiting', 'comparing', 'sending', 'looking'].includes(upload.state));
  }

  get finished() {
    return this.all.filter((upload) => ['added', 'known', 'failed'].includes(upload.state)).length;
  }

  #go() {
    while (this.#busy < 2) {
      const next = this.all.find((upload) => upload.state === 'waiting');
      if (!next) return;
      this.#busy++;
      void send(next).finally(() => {
        this.#busy--;
        this.#go();
      });
    }
  }
}

async function send(upload: Upload) {
  upload.state = 'comparing';
  await session.known;
  // Who cannot tell sends it: the server looks once more.
  upload.image = await known(upload.file).catch(() => undefined);
  if (upload.image) return void (upload.state = 'known');
  for (let attempt = 0; ; attempt++) {
    upload.state = 'sending';
    try {
      const { files } = await transmit(upload.file, (share) => {
        upload.sent = share;
        if (share === 1) upload.state = 'looking';
      });
      const [outcome] = files;
      upload.state = outcome?.outcome ?? 'failed';
      upload.image = outcome?.image ?? undefined;
      upload.error = outcome?.problem?.detail;
      return;
    } catch (error) {
      if (error instanceof Problem && error.retryAfter && attempt < 5) {
        await new Promise((done) => setTimeout(done, error.retryAfter! * 1000));
        continue;
      }
      upload.state = 'failed';
      upload.error = reason(error);
      return;
    }
  }
}

/** The image with the same bytes, if the library has one. Only over https or on localhost do browsers compute hashes. */
async function known(file: File): Promise<ImageDetail | undefined> {
  const digest = await crypto.subtle?.digest('SHA-256', await file.arrayBuffer());
  if (!digest) return undefined;
  const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const [image] = (await get('/api/v1/images', { query: { sha256 } })).images;
  return image && get('/api/v1/images/{id}', { path: { id: image.id } });
}

/** XMLHttpRequest, because fetch does not tell how much was sent. */
function transmit(file: File, onprogress: (share: number) => void): Promise<{ files: Outcome[] }> {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/api/v1/images');
    request.upload.onprogress = ({ loaded, total }) => onprogress(loaded / total);
    request.onerror = () => fail(new Problem(t.unreachable, 'unavailable'));
    request.onload = () => {
      if (request.status === 200) done(JSON.parse(request.responseText));
      else {
        void session.refused(request.status);
        fail(Problem.from(request.status, request.responseText, request.getResponseHeader('Retry-After')));
      }
    };
    for (const [name, value] of Object.entries(session.headers())) request.setRequestHeader(name, value);
    const form = new FormData();
    form.append('file', file);
    request.send(form);
  });
}

export const uploads = new Uploads();
