/** Intervals that can be asked which of them hold a point: a treap ordered by lower bound, each node knowing the highest upper bound below it. */
export interface RangeTree<Item> {
  add(low: number, high: number, item: Item): RangeNode<Item>
  remove(node: RangeNode<Item>): void
  /** Calls `visit` for each interval that holds the point. @returns the number of nodes looked at */
  visitAt(point: number, visit: (item: Item) => void): number
  /** Calls `visit` for every interval. */
  visitAll(visit: (item: Item) => void): void
}

export interface RangeNode<Item> {
  readonly low: number
  readonly high: number
  readonly item: Item
  readonly order: number
  readonly priority: number
  maxHigh: number
  left: RangeNode<Item> | undefined
  right: RangeNode<Item> | undefined
}

/** @param random - for the balance; any numbers between 0 and 1 give right answers */
export function createRangeTree<Item>(random: () => number = Math.random): RangeTree<Item> {
  let root: RangeNode<Item> | undefined
  let nextOrder = 0
  return {
    add(low, high, item) {
      const node: RangeNode<Item> = { low, high, item, order: nextOrder++, priority: random(), maxHigh: high, left: undefined, right: undefined }
      const [before, after] = split(root, node)
      root = merge(merge(before, node), after)
      return node
    },
    remove(node) {
      root = without(root, node)
    },
    visitAt: (point, visit) => visitAt(root, point, visit),
    visitAll: (visit) => visitAll(root, visit),
  }
}

function comesBefore<Item>(a: RangeNode<Item>, b: RangeNode<Item>): boolean {
  return a.low < b.low || (a.low === b.low && a.order < b.order)
}

function refresh<Item>(node: RangeNode<Item>): RangeNode<Item> {
  node.maxHigh = Math.max(node.high, node.left?.maxHigh ?? -Infinity, node.right?.maxHigh ?? -Infinity)
  return node
}

type Tree<Item> = RangeNode<Item> | undefined

function split<Item>(tree: Tree<Item>, at: RangeNode<Item>): [Tree<Item>, Tree<Item>] {
  if (tree === undefined) return [undefined, undefined]
  if (comesBefore(tree, at)) {
    const [middle, after] = split(tree.right, at)
    tree.right = middle
    return [refresh(tree), after]
  }
  const [before, middle] = split(tree.left, at)
  tree.left = middle
  return [before, refresh(tree)]
}

function merge<Item>(before: Tree<Item>, after: Tree<Item>): Tree<Item> {
  if (before === undefined) return after
  if (after === undefined) return before
  if (before.priority > after.priority) {
    before.right = merge(before.right, after)
    return refresh(before)
  }
  after.left = merge(before, after.left)
  return refresh(after)
}

function without<Item>(tree: Tree<Item>, node: RangeNode<Item>): Tree<Item> {
  if (tree === undefined) return undefined
  if (tree === node) return merge(tree.left, tree.right)
  if (comesBefore(node, tree)) tree.left = without(tree.left, node)
  else tree.right = without(tree.right, node)
  return refresh(tree)
}

function visitAt<Item>(tree: Tree<Item>, point: number, visit: (item: Item) => void): number {
  if (tree === undefined || tree.maxHigh < point) return 1
  let probes = 1 + visitAt(tree.left, point, visit)
  if (tree.low <= point) {
    if (tree.high >= point) visit(tree.item)
    probes += visitAt(tree.right, point, visit)
  }
  return probes
}

function visitAll<Item>(tree: Tree<Item>, visit: (item: Item) => void): void {
  if (tree === undefined) return
  visitAll(tree.left, visit)
  visit(tree.item)
  visitAll(tree.right, visit)
}
