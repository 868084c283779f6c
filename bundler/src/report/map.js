// The map: a treemap of one node at a time, and beside it the list of what is in that node.

const GAP = 1,
  TITLE = 19,
  LEAST_AREA = 30,
  LEAST_SIDE = 24;

// An element with properties and children; text is only ever text.
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== 'list') element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== null));
  return element;
}

// A name that is broken into lines at its slashes, if it has to be.
function breakable(name) {
  return name.split(/(?<=\/)/).flatMap(segment => [segment, document.createElement('wbr')]);
}

const exactly = number => number.toLocaleString('en-US');
const plural = (number, noun) => `${exactly(number)} ${noun}${number === 1 ? '' : 's'}`;
const percent = share =>
  share > 0 && share < 0.0005 ? '< 0.1 %' : `${(share * 100).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;

// A number of bytes in three digits or so.
function roughly(bytes) {
  if (bytes < 1000) return plural(bytes, 'byte');
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 5);
  const value = bytes / 1000 ** power;
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${['', 'kB', 'MB', 'GB', 'TB', 'PB'][power]}`;
}

class TreeMap {
  constructor(model, elements) {
    Object.assign(this, {
      model,
      ...elements,
      section: elements.map.closest('section'),
      node: model.trees.directory,
      view: 'directory',
      cells: [],
      only: null,
    });
    new ResizeObserver(() => this.draw()).observe(this.map);
    this.map.addEventListener('click', event => this.press(this.nodeAt(event.target)));
    this.map.addEventListener('keydown', event => this.key(event));
    this.section.addEventListener('keydown', event => {
      if (event.key === 'Escape' && this.node.parent) this.go(this.view, this.node.parent);
    });
    this.map.addEventListener('pointermove', event => this.hover(event));
    this.map.addEventListener('pointerleave', () => this.hint(null));
    this.map.addEventListener('focusin', event => this.focused(event.target));
    this.map.addEventListener('focusout', () => this.hint(null));
    addEventListener('scroll', () => this.hint(null), { passive: true });
    addEventListener('hashchange', () => this.follow());
  }

  // The place in the map that the address names; the whole file if there is none.
  follow() {
    const [, view, path = ''] = /^#map\/(directory|type)\/?(.*)$/.exec(location.hash) ?? [];
    if (view === undefined && location.hash !== '') return;
    const root = this.model.trees[view ?? 'directory'];
    let node = root;
    for (const name of path.split('/').filter(Boolean).map(decode)) {
      node = node.children.find(child => !child.part && child.name.replace(/\/$/, '') === name) ?? node;
    }
    this.show(view ?? 'directory', node);
  }

  // Goes to a node, so that the way back leads here.
  go(view, node) {
    const names = [];
    for (let at = node; at.parent; at = at.parent)
      names.unshift(encodeURIComponent(at.name.replace(/\/$/, '')));
    location.hash = `#map/${view}/${names.join('/')}`;
  }

  show(view, node) {
    // What has the focus is about to go.
    const hadFocus = [this.map, this.inside, this.crumbs].some(part => part.contains(document.activeElement));
    Object.assign(this, { view, node });
    this.byDirectory.setAttribute('aria-pressed', view === 'directory');
    this.byType.setAttribute('aria-pressed', view === 'type');
    this.drawCrumbs();
    this.drawInside();
    this.choose(null);
    this.draw();
    if (hadFocus) this.map.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }

  draw() {
    this.hint(null);
    const { clientWidth: width, clientHeight: height } = this.map;
    this.cells = [];
    this.map.replaceChildren();
    if (width === 0 || height === 0) return;
    const fragment = document.createDocumentFragment();
    this.fill(fragment, this.node, { x: 0, y: 0, width, height });
    this.map.append(fragment);
    this.map.firstElementChild?.setAttribute('tabindex', '0');
  }

  // Draws what is in `node` into `rect`, as deep as there is room.
  fill(fragment, node, rect) {
    const scale = (rect.width * rect.height) / Math.max(node.bytes, 1);
    const visible = node.children.findIndex(child => child.bytes * scale < LEAST_AREA);
    // What is too small to be seen becomes one area.
    const shown =
      visible < 0 || node.children.length - visible < 2 ? node.children : node.children.slice(0, visible);
    const rest = node.children.slice(shown.length);
    const nodes =
      rest.length === 0 ? shown : [...shown, this.remainder(node, rest)].sort((a, b) => b.bytes - a.bytes);
    const rects = squarify(
      nodes.map(child => child.bytes),
      rect.x,
      rect.y,
      rect.width,
      rect.height,
    );
    nodes.forEach((child, at) => this.drawCell(fragment, child, rects[at]));
  }

  remainder(node, rest) {
    const sum = key => rest.reduce((total, child) => total + child[key], 0);
    const files = sum('files');
    return {
      ...newNode(files === 0 ? 'headers' : `${plural(files, 'small file')}`),
      parent: node,
      within: node,
      category: rest[0].category,
      bytes: sum('bytes'),
      size: sum('size'),
      packed: sum('packed'),
      files,
    };
  }

  drawCell(fragment, outer, rect) {
    const [node, name] = unwrapped(outer);
    const isBox = !node.part && !node.within && rect.width > LEAST_SIDE && rect.height > LEAST_SIDE;
    const hasTitle = isBox && rect.width > 60 && rect.height > 3 * TITLE;
    const isLabelled = !isBox && rect.width > 44 && rect.height > 17;
    const label = isLabelled || hasTitle ? [h('span', { className: 'label' }, name)] : [];
    const hasSize = hasTitle ? rect.width > 150 : isLabelled && rect.height > 36 && rect.width > 66;
    if (hasSize) label.push(' ', h('span', { className: 'amount' }, roughly(node.bytes)));
    const classes = ['cell', isBox ? 'box' : 'leaf', `c-${node.category}`];
    if (node.part?.problems.length > 0) classes.push('hurt');
    if (this.only !== null && !isBox && node.category !== this.only) classes.push('dim');
    const cell = h('div', { className: classes.join(' '), tabIndex: -1, role: 'button' }, ...label);
    // What can be read in it, and then what the little window says.
    cell.ariaLabel = [cell.textContent, ...this.describe(node)].filter(Boolean).join(', ');
    const { x, y, width, height } = rect;
    const [across, down] = [width, height].map(length => Math.max(length - GAP, 1));
    cell.style.cssText = `left:${x}px;top:${y}px;width:${across}px;height:${down}px`;
    cell.dataset.at = this.cells.push(node) - 1;
    fragment.append(cell);
    if (!isBox) return;
    const [edge, top] = hasTitle ? [2, TITLE] : [1, 1];
    this.fill(fragment, node, {
      x: x + edge,
      y: y + top,
      width: width - 2 * edge - GAP,
      height: height - top - edge - GAP,
    });
  }

  describe(node) {
    const share = `${percent(node.bytes / this.model.root.bytes)} of the file`;
    const lines = [node.part?.name || node.name, `${plural(node.bytes, 'byte')}, ${share}`];
    if (node.part) {
      if (node.part.type) lines.push(kindOf(node.part));
      if (node.part.isDeflated)
        lines.push(`${exactly(node.size)} unpacked, ${percent(node.packed / Math.max(node.size, 1))} left`);
      lines.push(...node.part.problems);
    } else if (node.files > 0) {
      lines.push(plural(node.files, 'file'));
    }
    return lines;
  }

  nodeAt(element) {
    const cell = element.closest?.('.cell');
    return cell ? this.cells[cell.dataset.at] : null;
  }

  press(node) {
    if (!node) return;
    if (node.part) this.choose(node);
    else this.go(this.view, node.within ?? node);
  }

  key(event) {
    const cells = [...this.map.children];
    const at = cells.indexOf(document.activeElement);
    const to = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: cells.length - 1,
    }[event.key];
    if (to !== undefined && cells[to]) {
      cells[at]?.setAttribute('tabindex', '-1');
      cells[to].setAttribute('tabindex', '0');
      cells[to].focus();
    } else if (event.key === 'Enter' || event.key === ' ') {
      this.press(this.nodeAt(document.activeElement));
    } else {
      return;
    }
    event.preventDefault();
  }

  hover(event) {
    if (event.pointerType === 'touch') return;
    this.hint(this.nodeAt(event.target), event.clientX, event.clientY);
  }

  focused(cell) {
    if (!cell.matches(':focus-visible')) return;
    const { left, bottom } = cell.getBoundingClientRect();
    this.hint(this.nodeAt(cell), left, bottom);
  }

  // The little window that follows the pointer or the focus.
  hint(node, x, y) {
    this.tip.hidden = !node;
    if (!node) return;
    const [name, ...lines] = this.describe(node);
    this.tip.replaceChildren(h('strong', {}, name), ...lines.map(line => h('span', {}, line)));
    const { width, height } = this.tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(x + 14, innerWidth - width - 8));
    const top = y + 18 + height > innerHeight ? Math.max(8, y - height - 12) : y + 18;
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  // Shows one file beside the map.
  choose(node) {
    const { node: here } = this;
    for (const cell of this.map.querySelectorAll('.picked')) cell.classList.remove('picked');
    if (!node) {
      const share = percent(here.bytes / this.model.root.bytes);
      const title = here.parent ? here.name : 'The whole file';
      const files = plural(here.files, 'file');
      this.chosen.replaceChildren(
        h('strong', {}, title),
        h('span', {}, `${plural(here.bytes, 'byte')}, ${share}`),
        h('span', {}, files),
      );
      return;
    }
    this.map.children[this.cells.indexOf(node)]?.classList.add('picked');
    const [name, ...lines] = this.describe(node);
    const find = h(
      'button',
      { type: 'button', className: 'plain', onclick: () => this.find(node.part) },
      'Show in the table',
    );
    const back = h(
      'button',
      { type: 'button', className: 'plain', onclick: () => this.choose(null) },
      'Close',
    );
    const buttons = h('span', { className: 'buttons' }, find, back);
    this.chosen.replaceChildren(h('strong', {}, name), ...lines.map(line => h('span', {}, line)), buttons);
  }

  drawCrumbs() {
    const crumbs = [];
    for (let at = this.node; at; at = at.parent) {
      const node = at;
      crumbs.unshift(
        node === this.node
          ? h('span', { 'aria-current': 'page' }, node.name)
          : h(
              'button',
              { type: 'button', className: 'plain', onclick: () => this.go(this.view, node) },
              node.name,
            ),
      );
    }
    this.crumbs.replaceChildren(
      ...crumbs.flatMap((crumb, at) =>
        at === 0 ? [crumb] : [h('span', { 'aria-hidden': 'true' }, '›'), crumb],
      ),
    );
  }

  drawInside() {
    const most = 60;
    const children = this.node.children.filter(child => !child.isQuiet);
    const largest = Math.max(children[0]?.bytes ?? 0, 1);
    const line = node => {
      const bar = h('span', { className: `bar c-${node.category}`, 'aria-hidden': 'true' });
      bar.style.width = `${(100 * node.bytes) / largest}%`;
      const title = `${node.part?.name || node.name}: ${plural(node.bytes, 'byte')}`;
      const onclick = () => this.press(node);
      return h(
        'li',
        {},
        h(
          'button',
          { type: 'button', onclick, title },
          h('span', { className: 'label' }, node.name),
          h('span', { className: 'amount' }, roughly(node.bytes)),
          bar,
        ),
      );
    };
    const lines = children.slice(0, most).map(line);
    if (children.length > most)
      lines.push(h('li', { className: 'more' }, `and ${exactly(children.length - most)} smaller`));
    this.inside.replaceChildren(...lines);
  }

  // Lets one category stand out.
  light(category) {
    this.only = category;
    for (const cell of this.map.querySelectorAll('.leaf')) {
      cell.classList.toggle('dim', category !== null && !cell.classList.contains(`c-${category}`));
    }
  }
}

// A directory that holds nothing but another is shown as one with it: the inner node, and both names.
function unwrapped(node) {
  let name = node.name;
  for (;;) {
    const inside = node.children.filter(child => !child.isQuiet);
    if (inside.length !== 1 || inside[0].part) return [node, name];
    [node] = inside;
    name += node.name;
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
