/**
 * Where the steps of a graph stand: in columns from left to right, each right of everything that it needs.
 *
 * A layered layout: columns by the longest path from a beginning; bends where an arrow passes a column, so that it goes
 * between the boxes; an order within columns that follows the neighbours, which keeps arrows from crossing; and heights
 * that pull each towards its neighbours, which keeps arrows straight.
 */

export const BOX_WIDTH = 180;
export const BOX_HEIGHT = 50;

const GAP_X = 48;
const GAP_Y = 18;
const MARGIN = 12;

/** The room that an arrow has where it passes a column. */
const BEND_HEIGHT = 10;

/** How often the order is mended: further rounds change next to nothing. */
const ROUNDS = 6;

/** A graph with more bends than this is no picture any more: its arrows go straight. */
const MOST_BENDS = 1500;

/** The corner of a box that is above and left. */
export interface IPlace {
  readonly column: number;
  readonly x: number;
  readonly y: number;
}

/** An arrow, as the path of an SVG. */
export interface IArrow {
  readonly from: string;
  readonly to: string;
  readonly path: string;
}

export interface ILayout {
  readonly width: number;
  readonly height: number;
  /** By the step's key; column by column, each from above to below. */
  readonly places: ReadonlyMap<string, IPlace>;
  readonly arrows: readonly IArrow[];
}

/** A step, or a bend of an arrow. */
interface INode {
  readonly key: string | null;
  readonly column: number;
  readonly height: number;
  readonly before: INode[];
  readonly behind: INode[];
  /** Its place in the column's order, and where its middle is. */
  rank: number;
  middle: number;
}

/**
 * Lay a graph out.
 *
 * @param parents - by each step's key, the steps that it needs; those that are no keys are left out.
 */
export function layout(
  parents: ReadonlyMap<string, readonly string[]>
): ILayout {
  const columns: INode[][] = [];
  const steps = stepsOf(parents, columns);
  const arrows = joined(parents, steps, columns);
  for (let round = 0; round < ROUNDS; round++) {
    columns.forEach(column => order(column, node => node.before));
    [...columns].reverse().forEach(column => order(column, node => node.behind));
  }
  columns.forEach(stack);
  for (let round = 0; round < ROUNDS; round++) {
    columns.forEach(column => pull(column, node => node.before));
    [...columns].reverse().forEach(column => pull(column, node => node.behind));
  }
  return drawn(columns, arrows);
}

/** Make the steps, each in the column that is one right of the last that it needs. */
function stepsOf(
  parents: ReadonlyMap<string, readonly string[]>,
  columns: INode[][]
): ReadonlyMap<string, INode> {
  const steps = new Map<string, INode>();
  let left = [...parents.keys()];
  while (left.length > 0) {
    const ready = left.filter(key =>
      known(parents, key).every(parent => steps.has(parent))
    );
    // A circle cannot be submitted; if there were one, it would begin anywhere.
    const placed = new Set(ready.length > 0 ? ready : left.slice(0, 1));
    const made = [...placed].map((key): [string, INode] => {
      const needed = known(parents, key).map(
        parent => steps.get(parent)?.column ?? -1
      );
      const column = 1 + Math.max(-1, ...needed);
      return [key, added(columns, key, column, BOX_HEIGHT)];
    });
    made.forEach(([key, node]) => steps.set(key, node));
    left = left.filter(key => !placed.has(key));
  }
  return steps;
}

function known(
  parents: ReadonlyMap<string, readonly string[]>,
  key: string
): string[] {
  const named = parents.get(key) ?? [];
  return [...new Set(named)].filter(parent => parents.has(parent));
}

function added(
  columns: INode[][],
  key: string | null,
  column: number,
  height: number
): INode {
  while (columns.length <= column) {
    columns.push([]);
  }
  const nodes = columns[column] ?? [];
  const rank = nodes.length;
  const node = { key, column, height, before: [], behind: [], rank, middle: 0 };
  nodes.push(node);
  return node;
}

/** Join steps with what they need, with a bend in each column between; return each arrow's nodes. */
function joined(
  parents: ReadonlyMap<string, readonly string[]>,
  steps: ReadonlyMap<string, INode>,
  columns: INode[][]
): INode[][] {
  const arrows: INode[][] = [];
  let bends = 0;
  for (const [key, child] of steps) {
    for (const parent of known(parents, key)) {
      const begin = steps.get(parent);
      if (begin === undefined || begin.column >= child.column) {
        continue;
      }
      const arrow = [begin];
      bends += child.column - begin.column - 1;
      if (bends <= MOST_BENDS) {
        for (let at = begin.column + 1; at < child.column; at++) {
          arrow.push(added(columns, null, at, BEND_HEIGHT));
        }
      }
      arrow.push(child);
      arrow.slice(1).forEach((node, index) => {
        const before = arrow[index];
        if (before !== undefined) {
          before.behind.push(node);
          node.before.push(before);
        }
      });
      arrows.push(arrow);
    }
  }
  return arrows;
}

/** Order a column by the mean rank of neighbours; those without any keep their rank. */
function order(column: INode[], neighbours: (node: INode) => INode[]): void {
  const wish = new Map(
    column.map(node => [node, mean(neighbours(node), other => other.rank) ?? node.rank])
  );
  column.sort(
    (one, other) =>
      (wish.get(one) ?? 0) - (wish.get(other) ?? 0) || one.rank - other.rank
  );
  column.forEach((node, index) => {
    node.rank = index;
  });
}

/** Put a column's nodes one below the other, around the middle line. */
function stack(column: INode[]): void {
  const height = column.reduce((sum, node) => sum + node.height + GAP_Y, -GAP_Y);
  let top = -height / 2;
  for (const node of column) {
    node.middle = top + node.height / 2;
    top += node.height + GAP_Y;
  }
}

/** Move a column's nodes towards their neighbours, as far as their order and their heights let them. */
function pull(column: INode[], neighbours: (node: INode) => INode[]): void {
  const wishes = column.map(
    node => mean(neighbours(node), other => other.middle) ?? node.middle
  );
  // Once with each at its wish or below, once at its wish or above: half way between nobody is closer than allowed.
  const below = spread(column, wishes);
  const above = spread([...column].reverse(), wishes.map(wish => -wish).reverse())
    .reverse()
    .map(middle => -middle);
  column.forEach((node, index) => {
    node.middle = ((below[index] ?? 0) + (above[index] ?? 0)) / 2;
  });
}

function spread(column: readonly INode[], wishes: readonly number[]): number[] {
  const middles: number[] = [];
  let free = -Infinity;
  column.forEach((node, index) => {
    const middle = Math.max(wishes[index] ?? 0, free + node.height / 2);
    middles.push(middle);
    free = middle + node.height / 2 + GAP_Y;
  });
  return middles;
}

function mean(
  nodes: readonly INode[],
  of: (node: INode) => number
): number | null {
  return nodes.length === 0
    ? null
    : nodes.reduce((sum, node) => sum + of(node), 0) / nodes.length;
}

function drawn(
  columns: readonly INode[][],
  arrows: readonly INode[][]
): ILayout {
  const nodes = columns.flat();
  const tops = nodes.map(node => node.middle - node.height / 2);
  const ends = nodes.map(node => node.middle + node.height / 2);
  const top = Math.min(0, ...tops) - MARGIN;
  const left = (node: INode): number =>
    MARGIN + node.column * (BOX_WIDTH + GAP_X);
  const down = (node: INode): number => Math.round(node.middle - top);
  return {
    width: 2 * MARGIN + columns.length * (BOX_WIDTH + GAP_X) - GAP_X,
    height: Math.ceil(Math.max(0, ...ends) - top + MARGIN),
    places: new Map(
      nodes.flatMap((node): [string, IPlace][] =>
        node.key === null
          ? []
          : [
              [
                node.key,
                {
                  column: node.column,
                  x: left(node),
                  y: down(node) - BOX_HEIGHT / 2
                }
              ]
            ]
      )
    ),
    arrows: arrows.flatMap(arrow => {
      const [from, to] = [arrow[0]?.key, arrow.at(-1)?.key];
      return from == null || to == null
        ? []
        : [{ from, to, path: pathOf(arrow, left, down) }];
    })
  };
}

/** A curve from the right of the first node to the left of the last, level where it passes a column. */
function pathOf(
  arrow: readonly INode[],
  left: (node: INode) => number,
  down: (node: INode) => number
): string {
  let path = '';
  arrow.forEach((node, index) => {
    const [x, y] = [left(node), down(node)];
    const before = arrow[index - 1];
    if (before === undefined) {
      path = `M${x + BOX_WIDTH} ${y}`;
      return;
    }
    const [fromX, fromY] = [left(before) + BOX_WIDTH, down(before)];
    const bend = (x - fromX) / 2;
    path += `C${fromX + bend} ${fromY} ${x - bend} ${y} ${x} ${y}`;
    path += node.key === null ? `H${x + BOX_WIDTH}` : `m-6-4l6 4-6 4`;
  });
  return path;
}
