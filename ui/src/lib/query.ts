/** Left, top, width, height, as shares of the picture's width and height. */
export type Box = [number, number, number, number];

export type Term =
  | { kind: 'words'; text: string; weight: number }
  | { kind: 'picture'; like: string; weight: number; box?: Box };

/** Reads an address of a search, which is that of GET /api/v1/search: weight and box belong to the term before them. */
export function parseTerms(search: string): Term[] {
  const terms: Term[] = [];
  for (const [key, value] of new URLSearchParams(search)) {
    const last = terms.at(-1);
    if (key === 'q' && value.trim()) terms.push({ kind: 'words', text: value.trim(), weight: 1 });
    else if (key === 'like' && value) terms.push({ kind: 'picture', like: value, weight: 1 });
    else if (key === 'weight' && last && Number.isFinite(Number(value))) last.weight = Number(value);
    else if (key === 'box' && last?.kind === 'picture') last.box = value.split(',').map(Number) as Box;
  }
  return terms;
}

export function formatTerms(terms: Term[]): string {
  const pairs = new URLSearchParams();
  for (const term of terms) {
    if (term.kind === 'words') pairs.append('q', term.text);
    else pairs.append('like', term.like);
    if (term.weight !== 1) pairs.append('weight', String(term.weight));
    if (term.kind === 'picture' && term.box) pairs.append('box', formatBox(term.box));
  }
  return pairs.toString();
}

export const formatBox = (box: Box) => box.map((share) => Number(share.toFixed(4))).join(',');

export const searchAddress = (terms: Term[], min?: string | null) =>
  terms.length ? `/search?${formatTerms(terms)}${min ? `&min=${min}` : ''}` : '/';

export const categoryAddress = (name: string) =>
  searchAddress([{ kind: 'words', text: `category:"${name.replaceAll('"', '')}"`, weight: 1 }]);

/** A query picture has a name of 32 digits, an image of the library a number. */
export const termThumbnail = (like: string) =>
  /^[0-9a-f]{32}$/.test(like) ? `/api/v1/queries/${like}/thumbnail` : `/api/v1/images/${like}/thumbnail?size=256`;
