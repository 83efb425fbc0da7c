// The search of the site: SECTIONS (sections.js) in MiniSearch, results with the words around what was found.
// What a page keeps closed, such as the answer to a prediction, is found, and no result shows it.
"use strict";
const MOST = 40, FEW = 5, OF_A_PAGE = 3, BEFORE = 70, LENGTH = 240;
const SMALL = new Set("a an and are by can do does for how i in is it me my of on or the this to we what when where which why with you your".split(" "));
const plain = text => text.toLowerCase().replace(/[\s-]+/g, " ").trim();

function found(query) {
  const search = new MiniSearch({
    fields: ["title", "page", "text", "code", "closed"],
    idField: "to",
    searchOptions: {
      processTerm: word => SMALL.has(word.toLowerCase()) ? null : word.toLowerCase(),
      boost: {title: 4, page: 2, code: 0.5, closed: 0.7},
      prefix: word => word.length > 2,
      fuzzy: word => word.length > 5 ? 0.2 : false,
    },
  });
  const byAddress = new Map(SECTIONS.map(section => [section.to, section]));
  search.addAll(SECTIONS);
  const all = search.search(query, {combineWith: "AND"}), has = new Set(all.map(result => result.id));
  const any = all.length < FEW ? search.search(query).filter(result => !has.has(result.id)) : [];
  const results = [...all, ...any].map(({id, score, terms}) => {
    const section = byAddress.get(id);
    return {section, score, words: terms, rank: rank(section, plain(query)) + (has.has(id) ? 0 : 10)};
  });
  results.sort((one, other) => one.rank - other.rank || other.score - one.score);
  const shown = new Map();
  return results.filter(({section}) => {
    const count = section.kind == "entry" ? 0 : (shown.get(section.page) ?? 0) + 1;
    shown.set(section.page, count);
    return count <= OF_A_PAGE;
  });
}

// First the glossary's entry, which leads to the lesson that explains the word, then headings that have it, then the rest.
function rank(section, query) {
  if (section.kind == "entry" && plain(section.title) == query) return 0;
  if (section.kind == "entry" && plain(section.title).includes(query)) return 2;
  return plain(section.title).includes(query) ? 3 : plain(section.text).includes(query) ? 4 : 5;
}

function element(name, text, more = {}) {
  return Object.assign(document.createElement(name), {textContent: text}, more);
}

// The words around the first place of the query, else of a word of it, in prose before code; what was found is marked.
function excerpt({section, words}, query) {
  const long = words.filter(word => word.length > 1);  // not the t of "didn't"
  const spelled = [query, ...long].map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+"));
  const all = new RegExp(`(${spelled.join("|")})`, "i");
  const places = [new RegExp(spelled[0], "i"), all].flatMap(
    pattern => [section.text, section.code].map(text => ({text, at: text.search(pattern)})));
  const place = places.find(place => place.at >= 0);
  const {text, at} = place ?? {text: section.text || section.code, at: 0};
  const start = at > BEFORE ? text.indexOf(" ", at - BEFORE) + 1 : 0;
  const line = element("p", start ? "… " : "");
  for (const [n, part] of text.slice(start, start + LENGTH).split(all).entries()) {
    line.append(n % 2 ? element("mark", part) : part);
  }
  line.append(start + LENGTH < text.length ? " …" : "");
  if (!place && all.test(section.closed)) line.append(element("em", " (The words stand in a part that is closed.)"));
  return line;
}

document.addEventListener("DOMContentLoaded", () => {
  const query = new URLSearchParams(location.search).get("q")?.trim();
  if (!query) return;
  for (const field of document.querySelectorAll("input[name=q]")) field.value = query;
  const results = found(query), list = element("ul", "", {className: "course-found"});
  for (const result of results.slice(0, MOST)) {
    const {page, title, to} = result.section, item = element("li", "");
    item.append(element("a", title || page, {href: to}));
    if (title) item.append(element("span", page));
    item.append(excerpt(result, query));
    list.append(item);
  }
  const places = results.length == 1 ? "1 place" : `${results.length} places`;
  const count = results.length > MOST ? `${places}; the first ${MOST}:` : `${places}.`;
  const far = query.split(/\s+/).length > 3 && results.length && results[0].rank >= 5;
  const said = far ? `No page has these words one after the other. These come nearest (${count.replace(/[.:]$/, "")}):` : results.length ? count : `Nothing was found for “${query}”. Try fewer letters, or another word.`;
  document.getElementById("search-results").replaceChildren(element("p", said), list);
});
