// The table of all entries: filtered, sorted, a page at a time.

const ROWS = 50;

const COLUMNS = [
  { name: 'Name', key: part => nameOf(part) },
  { name: 'Type', key: part => typeOf(part), text: part => typeOf(part), className: 'type' },
  {
    name: 'Size',
    key: part => part.size,
    text: part => exactly(part.size),
    isNumber: true,
    className: 'size',
  },
  {
    name: 'Packed',
    key: part => part.packed,
    text: part => exactly(part.packed),
    isNumber: true,
    className: 'packed',
  },
  {
    name: 'Left',
    key: part => ratio(part),
    text: part => (part.isDeflated ? percent(ratio(part)) : ''),
    isNumber: true,
  },
  { name: 'In the file', key: part => part.bytes, text: part => exactly(part.bytes), isNumber: true },
];

const nameOf = part => part.name || titleOf(part);
const typeOf = part => (part.role === 'folder' ? 'directory' : kindOf(part));
const ratio = part => (part.isDeflated ? part.packed / Math.max(part.size, 1) : 1);

function drawEntries() {
  const entries = model.parts;
  const state = { column: COLUMNS.at(-1), isDown: true, page: 0, found: entries, open: null };
  const [needle, kind] = [get('needle'), get('kind')];
  const kinds = sumsBy(entries, part => part.category);
  const option = (value, text) => h('option', { value }, text);
  kind.append(option('', 'all'), ...kinds.map(({ category }) => option(category, CATEGORIES[category])));
  if (entries.some(part => part.problems.length > 0)) kind.append(option('hurt', 'Damaged'));
  const body = h('tbody');
  const heads = COLUMNS.map(column =>
    h(
      'th',
      { scope: 'col', className: `${column.className ?? ''}${column.isNumber ? ' number' : ''}` },
      h(
        'button',
        { type: 'button', onclick: () => sort(column) },
        column.name,
        h('span', { 'aria-hidden': 'true' }),
      ),
    ),
  );
  get('table').append(h('thead', {}, h('tr', {}, ...heads)), body);
  get('filter').onsubmit = event => event.preventDefault();
  let timer = 0;
  needle.oninput = kind.oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(filter, 80);
  };

  function filter() {
    const [words, wanted] = [needle.value.toLowerCase(), kind.value];
    const isKind = part =>
      wanted === '' || part.category === wanted || (wanted === 'hurt' && part.problems.length > 0);
    state.found = entries.filter(part => isKind(part) && nameOf(part).toLowerCase().includes(words));
    state.page = 0;
    arrange();
  }

  function sort(column) {
    state.isDown = state.column === column ? !state.isDown : column.isNumber === true;
    state.column = column;
    state.page = 0;
    arrange();
  }

  function arrange() {
    const {
      column: { key },
      isDown,
    } = state;
    const keyed = state.found.map(part => [key(part), part]);
    keyed.sort(
      ([a, one], [b, other]) => (isDown ? -1 : 1) * (a < b ? -1 : a > b ? 1 : 0) || one.at - other.at,
    );
    state.found = keyed.map(([, part]) => part);
    draw();
  }

  function draw() {
    const { found, page, column, isDown } = state;
    heads.forEach((head, at) => {
      const isSorted = COLUMNS[at] === column;
      head.setAttribute('aria-sort', isSorted ? (isDown ? 'descending' : 'ascending') : 'none');
    });
    body.replaceChildren(...found.slice(page * ROWS, (page + 1) * ROWS).flatMap(rows));
    const bytes = found.reduce((sum, part) => sum + part.bytes, 0);
    get('count').textContent =
      found.length === 0
        ? 'Nothing is called so.'
        : `${exactly(found.length)} of ${exactly(entries.length)}, ${roughly(bytes)}`;
    drawPager();
  }

  function rows(part) {
    const isOpen = state.open === part;
    const toggle = h(
      'button',
      {
        type: 'button',
        className: 'name',
        'aria-expanded': isOpen,
        onclick: () => open(isOpen ? null : part),
      },
      ...breakable(nameOf(part)),
    );
    const cells = COLUMNS.slice(1).map(column =>
      h(
        'td',
        { className: `${column.className ?? ''}${column.isNumber ? ' number' : ''}` },
        column.text(part),
      ),
    );
    const row = h(
      'tr',
      { className: part.problems.length > 0 ? 'hurt' : '' },
      h('th', { scope: 'row' }, toggle),
      ...cells,
    );
    return isOpen ? [row, details(part)] : [row];
  }

  function details(part) {
    const digest = model.digest.hex(part);
    const twins =
      digest && part.size > 0 && isFile(part) ? model.twins.find(({ parts }) => parts.includes(part)) : null;
    const facts = [
      ['Problem', part.problems.join('; ')],
      ['Type', part.type],
      ['SHA-256', digest],
      [
        'Bytes',
        `${exactly(part.bytes)}, ${percent(part.bytes / model.root.bytes)} of the file: ` +
          `${exactly(part.header)} of header, ${exactly(part.packed)} of data`,
      ],
      ['Data', `${part.isDeflated ? 'deflated' : 'stored'} at ${exactly(part.offset + part.header)}`],
      ['Mode', part.name && part.mode.toString(8).padStart(4, '0')],
      [
        'Same as',
        twins?.parts
          .filter(other => other !== part)
          .map(other => other.name)
          .slice(0, 20)
          .join(', '),
      ],
    ];
    const list = facts
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);
    return h('tr', { className: 'details' }, h('td', { colSpan: COLUMNS.length }, h('dl', {}, ...list)));
  }

  function open(part) {
    state.open = part;
    draw();
    const at = part ? state.found.indexOf(part) % ROWS : -1;
    body.querySelectorAll('tr:not(.details) .name')[at]?.focus();
  }

  function drawPager() {
    const pages = Math.max(Math.ceil(state.found.length / ROWS), 1);
    const button = (text, label, page) =>
      h(
        'button',
        {
          type: 'button',
          disabled: page < 0 || page >= pages || page === state.page,
          'aria-label': label,
          onclick: () => turn(page),
        },
        text,
      );
    get('pager').hidden = pages === 1;
    get('pager').replaceChildren(
      button('«', 'First page', 0),
      button('‹', 'Page before', state.page - 1),
      h('span', { 'aria-live': 'polite' }, `page ${exactly(state.page + 1)} of ${exactly(pages)}`),
      button('›', 'Next page', state.page + 1),
      button('»', 'Last page', pages - 1),
    );
  }

  function turn(page) {
    state.page = page;
    draw();
    get('entries').scrollIntoView({ block: 'start' });
  }

  // Leads to a part, whatever is filtered.
  function find(part) {
    [needle.value, kind.value] = ['', ''];
    filter();
    state.page = Math.floor(state.found.indexOf(part) / ROWS);
    open(part);
    document.activeElement.scrollIntoView({ block: 'center' });
  }

  arrange();
  return { find };
}
