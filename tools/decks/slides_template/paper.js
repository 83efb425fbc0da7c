// With ?paper=pdf or ?paper=handout in its address a deck becomes pages to print, and reveal.js does not start.
window.paper = (() => {
  const LINES = 6;
  const kind = new URLSearchParams(location.search).get('paper');

  const element = (name, ...inside) => {
    const made = document.createElement('div');
    made.className = name;
    made.append(...inside);
    return made;
  };

  function lay() {
    for (const root of document.querySelectorAll('.course-frames'))
      root.style.setProperty('--columns', Math.ceil(Math.sqrt(root.querySelectorAll('figure').length)));
    const sheets = element(`reveal paper ${kind}`);
    for (const page of document.querySelectorAll('.slides .page')) {
      const notes = [...page.parentElement.querySelectorAll('aside.notes')], sheet = element('sheet', page);
      const said = notes.length ? notes : Array.from({length: LINES}, () => element('line'));
      sheets.append(kind === 'pdf' ? sheet : element('row', element('small', sheet), element('said', ...said)));
    }
    for (const shown of sheets.querySelectorAll('.fragment')) shown.classList.add('visible');
    for (const hint of sheets.querySelectorAll('details')) hint.open = true;
    document.documentElement.classList.add('print-pdf');  // reveal.js has a style for paper of its own, but for this
    document.body.replaceChildren(sheets);
  }

  return {kind, lay};
})();
