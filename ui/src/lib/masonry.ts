export type Direction = 'up' | 'down' | 'left' | 'right';

/**
 * A wall of boxes in columns of one width, each put where the wall is shortest. Adding is O(columns), and what lies
 * between two heights is found in O(columns · log n + found): a wall of 100,000 scrolls like one of 100.
 */
export class Masonry {
  readonly #members: number[][];
  readonly #column: number[] = [];
  readonly #top: number[] = [];
  readonly #height: number[] = [];

  constructor(
    readonly columns: number,
    readonly width: number,
    readonly gap: number,
  ) {
    this.#members = Array.from({ length: columns }, () => []);
  }

  /** As few columns as fill the space without being wider than `widest`. */
  static fit(space: number, widest: number, gap: number): Masonry {
    const columns = Math.max(1, Math.ceil((space + gap) / (widest + gap)));
    return new Masonry(columns, (space - gap * (columns - 1)) / columns, gap);
  }

  get length() {
    return this.#top.length;
  }

  get height() {
    return Math.max(0, ...this.#members.map((_, column) => this.#end(column) - this.gap));
  }

  /** Very wide and very tall pictures are shown cut, lest they fill or vanish from the wall. */
  add(width: number, height: number) {
    const ratio = Math.min(2.5, Math.max(0.4, height / width || 1));
    let column = 0;
    for (let other = 1; other < this.columns; other++) if (this.#end(other) < this.#end(column) - 1) column = other;
    this.#top.push(this.#end(column));
    this.#height.push(this.width * ratio);
    this.#column.push(column);
    this.#members[column]!.push(this.length - 1);
  }

  box(index: number) {
    const left = this.#column[index]! * (this.width + this.gap);
    return { left, top: this.#top[index]!, width: this.width, height: this.#height[index]! };
  }

  /** The boxes that show between two heights, in order. */
  between(top: number, bottom: number): number[] {
    const found: number[] = [];
    for (const members of this.#members) {
      for (let i = this.#first(members, top); i < members.length && this.#top[members[i]!]! < bottom; i++) {
        found.push(members[i]!);
      }
    }
    return found.sort((a, b) => a - b);
  }

  /** The box next to one; itself at the edge. */
  neighbour(index: number, direction: Direction): number {
    const column = this.#column[index]!;
    if (direction === 'up' || direction === 'down') {
      const members = this.#members[column]!;
      return members[this.#first(members, this.#top[index]!) + (direction === 'up' ? -1 : 1)] ?? index;
    }
    const beside = this.#members[column + (direction === 'left' ? -1 : 1)];
    if (!beside?.length) return index;
    const middle = this.#top[index]! + this.#height[index]! / 2;
    return beside[Math.min(this.#first(beside, middle), beside.length - 1)]!;
  }

  column(index: number): number {
    return this.#column[index]!;
  }

  /** The box that is come to from outside, going up or down in a column. */
  entry(direction: 'up' | 'down', column: number): number {
    // The first boxes are in a column each.
    const members = this.#members[Math.min(column, this.columns - 1, this.length - 1)]!;
    return members.at(direction === 'down' ? 0 : -1)!;
  }

  /** Where the next box of a column begins. */
  #end(column: number): number {
    const last = this.#members[column]!.at(-1);
    return last === undefined ? 0 : this.#top[last]! + this.#height[last]! + this.gap;
  }

  /** The place of the first of these that ends below a height. */
  #first(members: number[], height: number): number {
    let low = 0;
    let high = members.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const index = members[middle]!;
      if (this.#top[index]! + this.#height[index]! > height) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
