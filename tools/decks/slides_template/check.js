// Runs inside a deck: shows slide n with everything open, and names what the back row could not see or read on it.
window.check = (() => {
  const WIDTH = 1280, BOTTOM = 720 - 40, SLACK = 2, SMALLEST_SCALE = 0.8;
  const LEAST_TEXT = 22;
  const slides = () => Reveal.getSlides();
  let current = null;

  function show(n) {
    current = slides()[n - 1];
    const at = Reveal.getIndices(current);
    Reveal.slide(at.h, at.v);
    current.querySelectorAll('.fragment').forEach(e => e.classList.add('visible'));
    showSteps();
    current.querySelectorAll('details').forEach(e => { e.open = true; });
  }

  const all = selector => [...current.querySelectorAll(selector)];
  const words = e => {
    const text = (e.textContent || '').replace(/\s+/g, ' ').trim();
    return `<${e.tagName.toLowerCase()}> "${text.slice(0, 40)}"`;
  };
  const ignored = e => e.closest('aside.notes, .foot, mjx-assistive-mml, svg, style, script');
  const NO_ALT = 'No description has been provided for this image';  // what nbconvert fills in

  function overflow(e) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!box.width || !box.height) return null;
    const inline = !e.clientWidth, page = e.classList.contains('page');
    if (!inline && style.overflowX !== 'visible' && e.scrollWidth > e.clientWidth + SLACK)
      return `too wide by ${e.scrollWidth - e.clientWidth} px (hidden in a scroll box)`;
    if (!inline && style.overflowY !== 'visible' && e.scrollHeight > e.clientHeight + SLACK)
      return `too tall by ${e.scrollHeight - e.clientHeight} px (hidden in a scroll box)`;
    const right = inline ? box.right : Math.max(box.right, box.left + e.scrollWidth);
    const bottom = inline ? box.bottom : Math.max(box.bottom, box.top + e.scrollHeight);
    if (right > WIDTH + SLACK) return `too wide by ${Math.round(right - WIDTH)} px`;
    if (box.left < -SLACK || box.top < -SLACK) return 'off the left or top edge';
    if (!page && bottom > BOTTOM + SLACK) return `too tall by ${Math.round(bottom - BOTTOM)} px`;
    return null;
  }

  // Of nested elements that overflow only the innermost is named, and of those too far down the last.
  function overflowing() {
    const found = all('*').filter(e => !ignored(e) && !e.matches('pre *'))
      .map(e => [e, overflow(e)]).filter(([, fault]) => fault);
    const inner = found.filter(([e]) => !found.some(([other]) => other !== e && e.contains(other)));
    const low = inner.filter(([, fault]) => /^too tall by \d+ px$/.test(fault)).slice(0, -1);
    return inner.filter(pair => !low.includes(pair)).map(([e, fault]) => `${words(e)} is ${fault}`);
  }

  // Text nodes that show, with the element that each stands in.
  function texts(skipped = ignored) {
    const walker = document.createTreeWalker(current, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() && !skipped(parent) && parent.getClientRects().length)
        found.push([walker.currentNode, parent]);
    }
    return found;
  }

  function formulas() {
    const errors = all('mjx-container [data-mml-node="merror"]')
      .map(e => `formula not rendered: ${e.getAttribute('data-mjx-error') || e.textContent}`);
    const raw = texts().map(([node, e]) => [node.data, e]).filter(([data, e]) => !e.closest('pre, code')
      && /\$[^\s$][^$]*\$|\\\(.*\\\)|\\\[.*\\\]/s.test(data));
    return [...errors, ...raw.map(([data]) => `formula not rendered: ${data.trim().slice(0, 60)}`)];
  }

  function images() {
    return all('img').filter(e => !e.closest('aside.notes')).flatMap(e => [
      ...(e.alt.trim() && e.alt !== NO_ALT ? [] : ['an image without alt text']),
      ...(e.naturalHeight && e.getClientRects().length && fit.scaleOf(e) < SMALLEST_SCALE
        ? [`a figure shrunk to ${Math.round(100 * fit.scaleOf(e))} %: its text is too small`] : []),
      ...(e.naturalWidth !== 0 ? [] : [`an image that does not load: ${e.src.slice(0, 80)}`]),
    ]);
  }

  // The smallest text. Signs that stand higher or lower may be smaller.
  function small() {
    const found = texts(e => ignored(e) || e.closest('mjx-container, sup, sub'))
      .map(([node, e]) => [parseFloat(getComputedStyle(e).fontSize), node.data.trim()])
      .filter(([size]) => size < LEAST_TEXT - 0.5);
    const [size, text] = found.sort((one, other) => one[0] - other[0])[0] || [];
    return found.length ? [`text of ${Math.round(size)} px, at least ${LEAST_TEXT}: "${text.slice(0, 40)}"`] : [];
  }

  function votes() {
    const questions = all('.predict'), open = all('.body strong').some(e => /\([A-D]\)/.test(e.textContent) && !e.closest('.fragment'));
    return [
      ...(questions.length && !all('.fragment').length ? ['a vote without an answer on its slide'] : []),
      ...(questions.length && open ? ['an answer lies open beside its vote'] : []),
    ];
  }

  const empty = () => texts().length || all('img, mjx-container, svg').length ? [] : ['nothing is on it'];

  return {
    count: () => slides().length,
    show,
    faults: () => [...overflowing(), ...formulas(), ...images(), ...small(), ...votes(), ...empty()],
  };
})();
