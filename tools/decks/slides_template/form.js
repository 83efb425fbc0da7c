// Runs after measure.js: what the form of a unit asks of a slide, and what is counted.
window.form = (() => {
  const LEAST_TEXT = 22, MOST_LINES = 12, MOST_COLUMNS = 88, MOST_CELLS = 42, LEAST_FULL = 1 / 3;
  const all = selector => [...deck.current().querySelectorAll(selector)];
  const drawn = () => all(fit.PICTURES).filter(e => !e.closest('aside.notes') && e.getClientRects().length);
  const outputs = () => [...drawn(), ...all('table, pre.output, .html, .code')];

  // Pixels of each text on the slide, in a drawing too. Signs that stand higher or lower may be smaller.
  function sizes() {
    const skipped = e => e.closest('aside.notes, .foot, mjx-container, style, script, sup, sub');
    return deck.texts(skipped).map(([node, e]) => {
      const text = e.closest('svg text'), own = parseFloat(getComputedStyle(e).fontSize);
      if (!text) return [own, node.data.trim()];
      const most = Math.max(...[text, ...text.querySelectorAll('*')].filter(t => t.textContent.trim())
        .map(t => parseFloat(getComputedStyle(t).fontSize)));
      const {a, b, c, d} = e.getScreenCTM();
      return [(own < 0.8 * most ? most : own) * Math.sqrt(Math.abs(a * d - b * c)), node.data.trim()];
    });
  }

  function small() {
    const found = sizes().filter(([size]) => size < LEAST_TEXT - 0.5);
    const [size, text] = found.sort((one, other) => one[0] - other[0])[0] || [];
    return found.length ? [`text of ${Math.round(size)} px, at least ${LEAST_TEXT}: "${text.slice(0, 40)}"`] : [];
  }

  // Sizes have a meaning: nothing that is read lies between the three.
  function between() {
    const skipped = e => e.closest('aside.notes, .foot, .top, .panel, .caption, figcaption, .course-frames-bar, pre, code, svg, '
      + 'mjx-container, style, script, sup, sub, .numeral > strong');
    const found = deck.texts(skipped).map(([node, e]) => [parseFloat(getComputedStyle(e).fontSize), node.data.trim()])
      .filter(([size]) => !fit.SIZES.includes(size));
    return found.slice(0, 1).map(([size, text]) => `text of ${size} px, where a size is ${fit.SIZES.join(', ')}: "${text.slice(0, 40)}"`);
  }

  function numeral() {
    const many = all('.numeral').length;
    return deck.current().dataset.layout === 'number' && many !== 1
      ? [`${many} numbers at the beginning of a paragraph, in bold, where the layout number has one`] : [];
  }

  function code() {
    const lines = all('.code pre').flatMap(e => e.textContent.trimEnd().split('\n'));
    const wide = Math.max(0, ...lines.map(line => line.length));
    return [
      ...(lines.length > MOST_LINES ? [`${lines.length} lines of code, at most ${MOST_LINES}`] : []),
      ...(wide > MOST_COLUMNS ? [`code of ${wide} columns, at most ${MOST_COLUMNS}`] : []),
    ];
  }

  const tables = () => all('table').map(e => e.querySelectorAll('th, td').length)
    .filter(cells => cells > MOST_CELLS).map(cells => `a table of ${cells} cells, at most ${MOST_CELLS}`);

  // The box around all that is drawn or written under the heading, over the space there.
  function fullness() {
    const page = deck.current().querySelector('.body'), space = page.getBoundingClientRect();
    const boxes = drawn().map(e => e.getBoundingClientRect());
    for (const [node] of deck.texts(e => e.closest('aside.notes, .foot, .top, svg, mjx-assistive-mml, style, script'))) {
      const range = document.createRange();
      range.selectNodeContents(node);
      boxes.push(...range.getClientRects());
    }
    boxes.push(...all('.body pre, .body table, .body mjx-container').map(e => e.getBoundingClientRect()));
    if (!boxes.length) return 0;
    const width = Math.max(...boxes.map(b => b.right)) - Math.min(...boxes.map(b => b.left));
    const height = Math.max(...boxes.map(b => b.bottom)) - Math.min(...boxes.map(b => b.top));
    return width * height / (space.width * space.height);
  }

  function empty() {
    const full = fullness(), {layout} = deck.current().dataset;
    return full >= LEAST_FULL || ['big', 'number', 'title'].includes(layout) ? []
      : [`${Math.round(100 * full)} % of the page is used, at least a third (or ask for the layout big)`];
  }

  // Questions and answers; these hold for talks too.
  function votes() {
    const questions = all('.predict'), answers = all('.answer');
    const saw = answers.some(e => /^\s*What you saw\b/.test(e.textContent));
    return [
      ...(questions.length && !all('.fragment').length ? ['a vote (Predict) without an answer on its slide'] : []),
      ...(questions.length && answers.some(e => !e.closest('.fragment')) ? ['an answer lies open beside its vote'] : []),
      ...(saw && !outputs().length ? ['an answer (What you saw) without an output'] : []),
    ];
  }

  const late = () => 'lateNote' in deck.current().dataset ? ['a note stands behind the answer that it speaks of'] : [];

  function foot() {
    const chrome = [...all('.foot > *'), ...document.querySelectorAll('.controls')].map(e => e.getBoundingClientRect());
    const under = b => chrome.some(c => c.width && b.left < c.right && b.right > c.left && b.top < c.bottom - 1
      && b.bottom > c.top + 1);
    const hidden = all('.body p, .body li, .body pre, .body td').filter(e => under(e.getBoundingClientRect()));
    return hidden.slice(0, 1).map(e => `${deck.words(e)} runs under the foot of the slide`);
  }

  return {
    slide: () => [...small(), ...between(), ...numeral(), ...code(), ...tables(), ...empty(), ...votes(), ...late(), ...foot()],
    counts: () => ({
      layout: deck.current().dataset.layout,
      further: 'further' in deck.current().dataset,
      picture: drawn().length > 0,
      smallest: Math.min(...sizes().map(([size]) => size)),
      full: fullness(),
    }),
  };
})();
