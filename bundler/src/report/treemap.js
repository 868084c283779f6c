// Squarified treemaps (Bruls, Huizing, van Wijk: "Squarified Treemaps", 2000).

// Fills a rectangle with one for each size, as large as its share; `sizes` has the largest first.
function squarify(sizes, x, y, width, height) {
  const rects = [];
  let rest = sizes.reduce((sum, size) => sum + size, 0);
  for (let at = 0; at < sizes.length;) {
    const isWide = width >= height;
    const side = isWide ? height : width;
    const { end, sum } = row(sizes, at, side, rest > 0 ? (width * height) / rest : 0);
    // The last row takes what is left, so that nothing is lost to rounding.
    const isLast = end === sizes.length;
    const thickness =
      isLast || rest <= 0 ? (isWide ? width : height) : ((isWide ? width : height) * sum) / rest;
    let place = 0;
    for (; at < end; at++) {
      const length = sum > 0 ? (side * sizes[at]) / sum : 0;
      rects.push(
        isWide
          ? { x, y: y + place, width: thickness, height: length }
          : { x: x + place, y, width: length, height: thickness },
      );
      place += length;
    }
    if (isWide) [x, width] = [x + thickness, width - thickness];
    else [y, height] = [y + thickness, height - thickness];
    rest -= sum;
  }
  return rects;
}

// How many of the sizes from `at` go into a row along `side`: as long as the worst of them gets squarer.
function row(sizes, at, side, scale) {
  let sum = 0,
    worst = Infinity,
    end = at;
  for (; end < sizes.length; end++) {
    const next = sum + sizes[end];
    const area = next * scale,
      largest = sizes[at] * scale,
      smallest = sizes[end] * scale;
    const ratio = Math.max((side * side * largest) / (area * area), (area * area) / (side * side * smallest));
    if (ratio > worst) break;
    [sum, worst] = [next, ratio];
  }
  return end === at ? { end: at + 1, sum: sizes[at] } : { end, sum };
}
