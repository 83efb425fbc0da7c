// Chooses the size of the text of each page before it is shown, one of three: the largest at which everything fits that a
// click will show.
window.fit = (() => {
  const LARGE = 40, BODY = 30, SMALL = 24, NUMERAL = 132;  // px; deck.css has the same
  const FEW_LETTERS = 30;  // on a page of the layout big, in the size of a numeral
  const GIVES_WAY = 0.9;  // what a picture may lose to larger text
  const SHARES = ['1fr', '1.35fr', '1.7fr', '0.75fr'];  // of the right column, the left one being 1
  const GROWS = 1.6;  // a picture, over its own size

  const ignored = e => e.closest('mjx-assistive-mml, svg');
  const pictures = page => [...page.querySelectorAll('.body img')].filter(e => e.getClientRects().length);

  // At 100 pixels an inch. The course's figures say how wide a page shows them, at 70 (course_utils/slider.py).
  function ownSize(picture) {
    const wide = parseFloat(picture.style.width) / 0.7 || picture.naturalWidth || 1;
    return [wide, wide * (picture.naturalHeight || 1) / (picture.naturalWidth || 1)];
  }

  // How large a picture is drawn, over its own size.
  function scaleOf(picture) {
    const box = picture.getBoundingClientRect(), [width, height] = ownSize(picture);
    return Math.min(box.width / width, box.height / height);
  }

  function overflows(page) {
    const body = page.querySelector('.body'), box = body.getBoundingClientRect();
    const columns = [...body.children].filter(e => getComputedStyle(body).display === 'grid');
    const inside = (e, area) => {
      const b = e.getBoundingClientRect();
      return !b.width || (b.bottom <= box.bottom + 1 && b.top >= box.top - 1 && b.right <= area.right + 1);
    };
    const top = page.querySelector('.top').getBoundingClientRect();
    if ([...page.querySelectorAll('.top *')].some(e => e.getBoundingClientRect().right > top.right + 1)) return true;
    const areas = columns.length ? columns : [body];
    return areas.some(area => {
      const limit = area.getBoundingClientRect();
      return [...area.querySelectorAll('*')].some(e => !ignored(e) && (!inside(e, limit)
        || (e.matches('pre, .html, .text') && e.scrollWidth > e.clientWidth + 1)));
    });
  }

  // Lines of code and rows of tables: growing must not break them where they did not break before.
  const lines = page => [...page.querySelectorAll('.body pre, .body tr')].reduce((sum, e) => {
    const style = getComputedStyle(e);
    return sum + Math.round(e.getBoundingClientRect().height / parseFloat(style.lineHeight) - 0.2);
  }, 0);

  function set(page, {size, tables = size, code}) {
    page.style.setProperty('--size', `${size}px`);
    page.classList.toggle('tight', size === SMALL);
    page.classList.toggle('small-tables', tables === SMALL);
    page.classList.toggle('large-code', code === BODY);
  }

  // The sizes that a page may have, the largest first. Large text is for a page without a picture.
  function sizes(page) {
    const body = page.querySelector('.body'), few = body.textContent.replace(/\s+/g, ' ').trim().length <= FEW_LETTERS;
    const large = !page.querySelector('.body img');
    return [
      ...(page.classList.contains('big') && few ? [{size: NUMERAL}] : []),
      ...(large ? [{size: LARGE, code: BODY}] : []),
      ...(page.querySelector('.body pre') ? [{size: BODY, code: BODY}] : []),
      {size: BODY},
      ...(page.querySelector('.body table') ? [{size: BODY, tables: SMALL}] : []),
      {size: SMALL},
    ];
  }

  // Returns [smallest scale of a picture, size]: the better arrangement has the larger pictures, then the larger text.
  // The size is 0 where something is cut off.
  function find(page) {
    const seen = pictures(page);
    set(page, {size: SMALL});
    const least = seen.map(scaleOf), broken = lines(page);
    const kept = share => seen.every((picture, n) => scaleOf(picture) >= share * least[n]);
    const good = way => {
      set(page, way);
      return !overflows(page) && kept(GIVES_WAY) && (way.size === SMALL || lines(page) <= broken);
    };
    const ways = sizes(page), way = ways.find(good) || ways.at(-1);
    set(page, way);
    return [Math.min(...seen.map(scaleOf), 1), overflows(page) ? 0 : way.size];
  }

  // A page in two columns tries several widths of them, and both above each other where a picture gains by it.
  function arrange(page) {
    if (!page.classList.contains('split') || document.querySelector('.upright')) return find(page);
    const wide = page.querySelector('.right :is(img, table)');
    const ways = (wide ? ['1.5fr', '1.9fr', '1.2fr', '2.3fr'] : SHARES).map(share => ({share, rows: false}));
    ways.push({share: '1fr', rows: true});
    const use = way => {
      page.style.setProperty('--share', way.share);
      page.classList.toggle('rows', way.rows);
      return find(page);
    };
    let best = null;
    for (const way of ways) {
      const [picture, size] = use(way);
      const worth = (size > 0) * (1 + Math.min(picture, 0.98) * 6) + size / BODY;
      const gain = way.rows ? 0.5 : 0.1;  // another way than the first must be worth it
      if (!best || worth > best.worth + gain) best = {way, worth};
    }
    use(best.way);
  }

  function all() {
    const deck = document.querySelector('.reveal');
    deck.classList.add('measuring');
    document.querySelectorAll('details').forEach(e => { e.open = true; });
    for (const picture of document.querySelectorAll('.body img'))
      picture.style.maxWidth = `${GROWS * ownSize(picture)[0]}px`;
    document.querySelectorAll('.page').forEach(arrange);
    document.querySelectorAll('details').forEach(e => { e.open = false; });
    deck.classList.remove('measuring');
  }

  return {all, scaleOf};
})();
