import { get, post, type Image } from './api';
import { parseTerms, searchAddress, type Term } from './query';
import { router } from './router.svelte';
import { toasts } from './toasts.svelte';
import { t } from './strings';

/** The formats that every browser shows; the others are shown as thumbnails. */
export const shown = ({ format }: Image) => ['jpeg', 'png', 'webp', 'gif', 'avif'].includes(format);

/** Some systems give no type for HEIC and the like: those are for the server to judge. */
export const mayBePicture = (file: File) => file.size > 0 && (!file.type || file.type.startsWith('image/'));

/** Folders hold all sorts of files; some systems give pictures in newer formats no type. */
const isPicture = ({ type, name }: File) => type.startsWith('image/') || (!type && /\.(hei[cf]|avif|webp|tiff?)$/i.test(name));

/** The pictures of a folder. Says how many files are none. */
export function picturesOf(files: File[]): File[] {
  const pictures = files.filter(isPicture);
  if (pictures.length < files.length) toasts.show({ text: t.leftOut(files.length - pictures.length) });
  return pictures;
}

/** The terms of the search that is shown, if one is. */
export const currentTerms = (): Term[] => (router.path === '/search' ? parseTerms(router.search) : []);

/** The threshold of the search that is shown, unless it is the usual one. */
export const currentMin = () => (router.path === '/search' ? new URLSearchParams(router.search).get('min') : null);

/** Searches with a picture, along with the terms of a search that is shown. False if that failed, which is said. */
export async function searchWith(picture: File | { url: string }): Promise<boolean> {
  if (picture instanceof File && !mayBePicture(picture)) {
    toasts.fail(t.notPicture(picture.name));
    return false;
  }
  const close = toasts.show({ text: t.lookingAt }, 60_000);
  try {
    const { image, name } = await post('/api/v1/queries', { body: picture });
    const term: Term = { kind: 'picture', like: String(image ?? name), weight: 1 };
    router.go(searchAddress([...currentTerms(), term], currentMin()));
    return true;
  } catch (error) {
    toasts.fail(error);
    return false;
  } finally {
    close();
  }
}

/** What was typed or pasted as the address of a picture on the web, if it is one and the server may fetch it. */
export async function webPicture(text: string): Promise<{ url: string } | undefined> {
  if (!/^https:\/\/\S+$/i.test(text) || !URL.canParse(text)) return undefined;
  const status = await get('/api/v1/status').catch(() => undefined);
  return status?.fetch_urls ? { url: new URL(text).href } : undefined;
}

/** A picture that another app shared; the service worker keeps it until it is asked for. */
export async function sharedPicture(): Promise<File | undefined> {
  const cache = await caches.open('shared');
  const kept = await cache.match('/shared-picture');
  await cache.delete('/shared-picture');
  return kept && new File([await kept.blob()], 'shared');
}

/** What was dropped, folders with all that is in them. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  // Entries must be asked for before the first await: the list is emptied after the event.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry());
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  return picturesOf((await Promise.all(entries.map((entry) => (entry ? walk(entry) : [])))).flat());
}

async function walk(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) return [await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  // It gives some at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    for (const child of some) found.push(...(await walk(child)));
  }
}
