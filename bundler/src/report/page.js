// The page, from its top to its end.

const get = id => document.getElementById(id);
const data = JSON.parse(get('data').textContent);
const model = readModel(data);

drawTop();
drawDamage();
drawMade();
drawMap();
drawCompression();
drawLargest();
drawTwins();
const table = drawEntries();
drawTrust();
drawManifest();

function readModel(data) {
  const parts = readParts(data);
  for (const problem of data.health.problems) parts[problem.part]?.problems.push(problem.text);
  let types = null;
  const trees = {
    directory: directoryTree(data, parts),
    get type() {
      return (types ??= typeTree(data, parts));
    },
  };
  const digest = digestReader(data);
  const files = parts.filter(part => part.role === 'resource');
  return { parts, trees, digest, files, root: trees.directory, twins: duplicates(parts, digest) };
}

function drawTop() {
  const { bundle, file, health } = data;
  get('title').append(bundle.name, ' ', h('span', { className: 'version' }, bundle.version));
  const kinds = {
    site: 'a site',
    linked: 'a program with its service linked in',
    plugin: 'a service as a plug-in',
    exec: 'a program to execute',
  };
  get('about').append(`${file.name}: ${kinds[bundle.kind]} for ${bundle.target}, made by ${bundle.by}`);
  const isRight = health.problems_len === 0;
  const isEdited = health.index !== 'used';
  const [state, words] = isRight
    ? ['right', 'Every byte verified']
    : isEdited
      ? ['edited', 'Edited after it was bundled']
      : ['wrong', `Damaged: ${plural(health.problems_len, 'problem')}`];
  get('verdict').classList.add(state);
  get('verdict').append(h('span', { 'aria-hidden': 'true' }, isRight ? '✓ ' : '! '), words);
}

function drawDamage() {
  const { problems, problems_len: count } = data.health;
  if (count === 0) return;
  get('damage').hidden = false;
  const lines = problems.map(problem => h('li', {}, problem.text));
  if (count > problems.length) lines.push(h('li', {}, `and ${exactly(count - problems.length)} more`));
  get('problems').append(...lines);
}

// The whole file as one bar, and what is worth knowing of it in figures.
function drawMade() {
  const groups = model.root.children;
  const names = { 'resources/': 'Resources', 'variants/': 'Variants', bookkeeping: 'Bookkeeping' };
  const classes = { 'resources/': 'c-resources', 'variants/': 'c-variant', bookkeeping: 'c-format' };
  for (const group of groups) {
    const className = classes[group.name] ?? `c-${group.category}`;
    const share = group.bytes / model.root.bytes;
    const bar = h('span', { className });
    bar.style.flexGrow = share;
    get('strip').append(bar);
    const name = names[group.name] ?? CATEGORIES[group.category];
    get('strip-legend').append(legendLine(className, name, group.bytes, group.part?.name));
  }
  const resources = groups.find(group => group.name === 'resources/');
  const { size = 0, packed = 0, files = 0 } = resources ?? {};
  const wasted = model.twins.reduce((sum, twin) => sum + twin.cost, 0);
  const figures = [
    ['File', roughly(model.root.bytes), plural(model.root.bytes, 'byte')],
    ['Resources', exactly(files), `${roughly(size)} unpacked`],
    [
      'Packed to',
      size === 0 ? '–' : percent(packed / size),
      `${roughly(packed)}, ${roughly(size - packed)} won`,
    ],
    [
      'Duplicates',
      roughly(wasted),
      model.twins.length === 0
        ? 'no file is there twice'
        : `${plural(model.twins.length, 'file')} more than once`,
    ],
  ];
  get('figures').append(
    ...figures.map(([name, value, more]) =>
      h('div', {}, h('dt', {}, name), h('dd', {}, value), h('dd', { className: 'fine' }, more)),
    ),
  );
}

function legendLine(className, name, bytes, title = '') {
  return h(
    'li',
    { title },
    h('i', { className, 'aria-hidden': 'true' }),
    name,
    h('span', { className: 'fine' }, `${roughly(bytes)}, ${percent(bytes / model.root.bytes)}`),
  );
}

function drawMap() {
  const elements = Object.fromEntries(['map', 'crumbs', 'inside', 'chosen', 'tip'].map(id => [id, get(id)]));
  const [byDirectory, byType] = [get('by-directory'), get('by-type')];
  const map = new TreeMap(model, { ...elements, byDirectory, byType, find: part => table.find(part) });
  byDirectory.onclick = () => map.go('directory', model.trees.directory);
  byType.onclick = () => map.go('type', model.trees.type);
  const sums = sumsBy(model.parts, part => part.category);
  get('map-legend').append(
    ...sums.map(({ category, bytes }) => {
      const line = legendLine(`c-${category}`, CATEGORIES[category], bytes);
      line.onpointerenter = () => map.light(category);
      line.onpointerleave = () => map.light(null);
      return line;
    }),
  );
  map.follow();
}

function drawCompression() {
  const sums = sumsBy(model.files, kindOf);
  const total = key => sums.reduce((sum, row) => sum + row[key], 0);
  const [size, packed, files] = ['size', 'packed', 'files'].map(total);
  get('won').textContent =
    files === 0
      ? 'There are no resources.'
      : `${plural(files, 'resource')} of ${plural(size, 'byte')} take ${exactly(packed)}: ` +
        `${roughly(size - packed)} less.`;
  const head = ['Type', 'Files', 'Unpacked', 'Packed', 'Left'].map((name, at) =>
    h('th', { scope: 'col', className: at > 0 ? 'number' : '' }, name),
  );
  const largest = Math.max(...sums.map(row => row.size), 1);
  const line = row => {
    const [whole, left] = [
      h('span', { className: 'whole' }),
      h('span', { className: `left c-${row.category}` }),
    ];
    whole.style.width = `${(100 * row.size) / largest}%`;
    left.style.width = `${(100 * row.packed) / largest}%`;
    const number = text => h('td', { className: 'number' }, text);
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, ...breakable(row.name)),
      number(exactly(row.files)),
      number(exactly(row.size)),
      number(exactly(row.packed)),
      number(row.size === 0 ? '–' : percent(row.packed / row.size)),
      h('td', { className: 'bars', 'aria-hidden': 'true' }, h('span', { className: 'bars' }, whole, left)),
    );
  };
  get('types').append(h('thead', {}, h('tr', {}, ...head, h('td'))), h('tbody', {}, ...sums.map(line)));
}

function drawLargest() {
  const files = model.parts
    .filter(part => isFile(part) && part.category !== 'format')
    .sort((a, b) => b.bytes - a.bytes);
  get('largest').append(...files.slice(0, 12).map(part => rankingLine(part, part.bytes, null)));
  if (files.length === 0) get('largest').replaceWith(h('p', { className: 'lead' }, 'There are no files.'));
}

function drawTwins() {
  const { twins } = model;
  const wasted = twins.reduce((sum, twin) => sum + twin.cost, 0);
  const isKnown = model.files.some(part => part.digestAt >= 0);
  get('twins-lead').textContent =
    twins.length > 0
      ? `${plural(twins.length, 'file')} with the same content under more than one name: ` +
        `${roughly(wasted)} that could be spared.`
      : isKnown || model.files.length === 0
        ? 'No file is there twice.'
        : 'Not known: the edit lost the digests of the files.';
  if (twins.length > 8) get('twins-lead').append(' The costliest:');
  get('twins').append(
    ...twins.slice(0, 8).map(({ parts, cost }) => rankingLine(parts[0], cost, parts.slice(1))),
  );
}

// A file, an amount, and what else is to be said.
function rankingLine(part, bytes, others) {
  const name = h(
    'button',
    { type: 'button', className: 'name', onclick: () => table.find(part) },
    ...breakable(part.name),
  );
  const line = h('li', {}, name, h('span', { className: 'amount' }, roughly(bytes)));
  if (!others) return line;
  const more = others.length > 4 ? [h('span', {}, `and ${exactly(others.length - 4)} more`)] : [];
  line.append(
    h(
      'div',
      { className: 'others' },
      ...others.slice(0, 4).map(other => h('span', {}, '= ', ...breakable(other.name))),
      ...more,
    ),
  );
  return line;
}

function drawTrust() {
  const { health } = data;
  const { problems_len: count, index } = health;
  get('trust').textContent =
    index !== 'used'
      ? 'The archive was edited with another tool after it was bundled: its digests no longer vouch for it.'
      : count === 0
        ? 'Every byte of the file was read when this page was made, and found as it was packed.'
        : 'The file was read when this page was made, and is not as it was packed: see what is wrong, above.';
  const digests = [
    ['The file', 'SHA-256, as sha256sum has it', data.file.sha256],
    ['The executable', 'SHA-256, its length note as zeros', data.bundle.executable_sha256],
    ['The content', 'SHA-256 of names, modes, media types and digests', data.bundle.content_digest],
  ];
  get('digests').append(
    ...digests.flatMap(([name, what, digest]) => [
      h('dt', {}, name, h('span', { className: 'fine' }, what)),
      h('dd', {}, h('code', {}, digest)),
    ]),
    ...health.signatures.flatMap(claim => [h('dt', {}, 'Signature'), h('dd', {}, `It ${claim}`)]),
  );
}

function drawManifest() {
  const { bundle } = data;
  const facts = [
    ['Name', bundle.name],
    ['Version', bundle.version],
    ['Entry point', [bundle.kind, bundle.payload].filter(Boolean).join(' ')],
    ['Arguments', bundle.arguments.join(' ')],
    ['Served', bundle.served],
    ['Made by', bundle.by],
    ['For', bundle.target],
  ];
  get('facts').append(
    ...facts.filter(([, value]) => value).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
  );
  get('manifest').textContent = data.manifest;
}
