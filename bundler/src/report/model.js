'use strict';
// The data of the page as objects, and the trees that are made of them. No document is needed here.

// What a part is to the eye: the order is that of the legend.
const CATEGORIES = {
  executable: 'Executable',
  payload: 'Payload',
  page: 'HTML',
  style: 'Styles',
  script: 'Scripts',
  data: 'Data',
  image: 'Images',
  font: 'Fonts',
  media: 'Audio and video',
  text: 'Text',
  other: 'Other',
  variant: 'Variants',
  format: 'Bookkeeping',
  unknown: 'Unaccounted',
};

// Reads the columns: a part for each row, in the order of the file.
function readParts(data) {
  const columns = data.parts;
  let before = '',
    offset = 0,
    digests = 0;
  return columns.role.map((number, at) => {
    const name = (before = leading(before, columns.shared[at]) + columns.name[at]);
    const [header, packed, size] = [columns.header_len[at], columns.packed_size[at], columns.size[at]];
    const role = data.roles[number],
      type = columns.types[columns.media_type[at]];
    const part = {
      at,
      role,
      name,
      header,
      packed,
      size,
      type,
      offset,
      bytes: header + packed,
      mode: columns.mode[at],
      isDeflated: columns.deflated[at] === 1,
      digestAt: columns.digest[at] ? digests++ : -1,
      problems: [],
      category: categoryOf(role, type),
    };
    offset += part.bytes;
    return part;
  });
}

// The first `count` segments of a name.
function leading(name, count) {
  let end = 0;
  for (; count > 0; count--) end = name.indexOf('/', end) + 1;
  return name.slice(0, end);
}

function categoryOf(role, type) {
  if (role === 'executable' || role === 'payload' || role === 'variant' || role === 'unknown') return role;
  if (role !== 'resource') return 'format';
  const [kind, rest = ''] = type.split(';')[0].split('/');
  if (kind === 'image' || kind === 'font') return kind;
  if (kind === 'audio' || kind === 'video') return 'media';
  if (/javascript|ecmascript|typescript|wasm/.test(rest)) return 'script';
  if (/^(x?html|xhtml\+xml)$/.test(rest)) return 'page';
  if (rest === 'css') return 'style';
  if (/json|xml|yaml|toml|csv|manifest/.test(rest)) return 'data';
  return kind === 'text' ? 'text' : 'other';
}

// A node of a tree.
function newNode(name, part = null) {
  return {
    name,
    part,
    parent: null,
    children: [],
    bytes: part?.bytes ?? 0,
    size: part?.size ?? 0,
    packed: part?.packed ?? 0,
    files: part && isFile(part) ? 1 : 0,
    category: part?.category ?? 'format',
    isQuiet: false,
  };
}

function isFile(part) {
  return part.name !== '' && part.role !== 'folder';
}

function branch(name, children) {
  return Object.assign(newNode(name), { children });
}

// Sums up a tree, sorts it, and gives each node its parent.
function complete(node) {
  if (node.part) return node;
  for (const child of node.children) {
    complete(child).parent = node;
    node.bytes += child.bytes;
    node.size += child.size;
    node.packed += child.packed;
    node.files += child.files;
  }
  node.children.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  // A directory looks like what most of it is.
  node.category = node.children[0]?.category ?? 'format';
  return node;
}

// The file by directories: its roles first, then the names.
function directoryTree(data, parts) {
  const resources = branch('resources/', []),
    variants = branch('variants/', []),
    format = branch('bookkeeping', []);
  const root = branch(data.file.name, []);
  const folders = new Map();
  const folder = (trunk, path) => {
    if (path === '') return trunk;
    const key = `${trunk.name}${path}`;
    if (!folders.has(key)) {
      const end = path.lastIndexOf('/', path.length - 2) + 1;
      folders.set(key, branch(path.slice(end), []));
      folder(trunk, path.slice(0, end)).children.push(folders.get(key));
    }
    return folders.get(key);
  };
  const prefix = '.holdall/variants/';
  for (const part of parts) {
    const isVariant = part.name.startsWith(prefix);
    const [trunk, name] = isVariant ? [variants, part.name.slice(prefix.length)] : [resources, part.name];
    const end = name.lastIndexOf('/') + 1;
    if (part.role === 'resource' || part.role === 'variant') {
      folder(trunk, name.slice(0, end)).children.push(newNode(name.slice(end), part));
    } else if (part.role === 'folder' && (isVariant || !name.startsWith('.holdall/'))) {
      folder(trunk, name).children.push(Object.assign(newNode('its own header', part), { isQuiet: true }));
    } else {
      (part.category === 'format' ? format : root).children.push(newNode(titleOf(part), part));
    }
  }
  root.children.push(...[resources, variants, format].filter(node => node.children.length > 0));
  complete(root);
  resources.category = 'resources';
  return root;
}

// The file by media types, the largest first.
function typeTree(data, parts) {
  const groups = new Map();
  const group = (map, key) => map.get(key) ?? map.set(key, new Map()).get(key);
  for (const part of parts) {
    const types = group(groups, part.category);
    const type = kindOf(part);
    if (!types.has(type)) types.set(type, []);
    const name = part.role === 'folder' ? part.name : part.name.slice(part.name.lastIndexOf('/') + 1);
    types.get(type).push(newNode(name || titleOf(part), part));
  }
  const root = branch(data.file.name, []);
  for (const [category, types] of groups) {
    const kinds = [...types].map(([type, nodes]) =>
      nodes.length === 1 && type === titleOf(nodes[0].part) ? nodes[0] : branch(type, nodes),
    );
    const isAlone = kinds.length === 1;
    root.children.push(
      isAlone && kinds[0].part ? kinds[0] : branch(CATEGORIES[category], isAlone ? kinds[0].children : kinds),
    );
  }
  return complete(root);
}

// The media type of a resource, and what comes next to it for everything else.
function kindOf(part) {
  if (part.role === 'resource') return part.type.split(';')[0] || 'unknown type';
  if (part.role === 'variant') return part.name.slice(part.name.lastIndexOf('.') + 1);
  return part.role === 'folder' ? 'headers of directories' : titleOf(part);
}

// What a part is called where its name does not tell.
function titleOf(part) {
  if (part.role === 'payload') return part.name.slice(part.name.lastIndexOf('/') + 1);
  if (part.role === 'folder') return part.name;
  return part.role === 'unknown' && part.name ? part.name : part.role;
}

// Reads digests: as a key that is equal where they are, or in hexadecimal. They are decoded when the
// first is asked for.
function digestReader(data) {
  let bytes = null;
  const key = part => {
    bytes ??= atob(data.parts.digests);
    return bytes.slice(32 * part.digestAt, 32 * (part.digestAt + 1));
  };
  const hex = part =>
    part.digestAt < 0
      ? null
      : Array.from(key(part), byte => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  return { key, hex };
}

// Files with the same content: arrays of parts, those first that cost most.
function duplicates(parts, digest) {
  const groups = new Map();
  for (const part of parts) {
    if (!isFile(part) || part.size === 0 || part.digestAt < 0) continue;
    const key = digest.key(part);
    if (groups.has(key)) groups.get(key).push(part);
    else groups.set(key, [part]);
  }
  const cost = group => group.slice(1).reduce((sum, part) => sum + part.bytes, 0);
  const twins = [...groups.values()].filter(group => group.length > 1);
  return twins.map(group => ({ parts: group, cost: cost(group) })).sort((a, b) => b.cost - a.cost);
}

// Sums of each category or type: files, size, packed.
function sumsBy(parts, key) {
  const sums = new Map();
  for (const part of parts) {
    const name = key(part);
    if (!sums.has(name))
      sums.set(name, { name, category: part.category, files: 0, size: 0, packed: 0, bytes: 0 });
    const sum = sums.get(name);
    sum.files += isFile(part) ? 1 : 0;
    sum.size += part.size;
    sum.packed += part.packed;
    sum.bytes += part.bytes;
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}
