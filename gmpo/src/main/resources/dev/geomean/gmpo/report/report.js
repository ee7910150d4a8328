'use strict';
(() => {
  const HEIGHT = 220;
  const PRINTED_HEIGHT = 150;
  const byId = id => document.getElementById(id);
  const hidden = new Set();
  let data = JSON.parse(byId('data').textContent);
  let charts = [];
  let trend = true;
  let zoom = null;

  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ALL_GROUPS = -1;
  const groupColor = g => color(g === ALL_GROUPS ? '--text' : data.groups[g].color);
  const alpha = (hex, opacity) => hex + Math.round(opacity * 255).toString(16).padStart(2, '0');
  const isPrinting = () => document.documentElement.classList.contains('light');
  const height = () => isPrinting() ? PRINTED_HEIGHT : HEIGHT;
  const font = () => `${isPrinting() ? 9 : 11}px system-ui, sans-serif`;
  const element = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const swatch = g => {
    const node = element('span', 'swatch');
    node.style.setProperty('--group', `var(${data.groups[g].color})`);
    return node;
  };

  const format = value => {
    if (value === null || value === undefined) return '–';
    const size = Math.abs(value);
    if (value === 0) return '0';
    if (size >= 1e6 || size < 1e-3) return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e').replaceAll('-', '−');
    if (size >= 10000) return `${Number((value / 1000).toPrecision(3))}k`;
    return String(Number(value.toPrecision(3))).replace('-', '−');
  };

  const lastRound = () => Math.max(1, ...data.charts.filter(spec => spec.position === 'round').map(spec => spec.x.at(-1)));
  const hasTrend = spec => trend && spec.window > 1;

  // Columns, series and bands as uPlot wants them.
  function content(spec) {
    const columns = [spec.x];
    const series = [{}];
    const bands = [];
    const isLog = spec.axis === 'log';
    const column = values => isLog ? values.map(value => value > 0 ? value : null) : values;
    const add = (values, options) => {
      columns.push(column(values));
      series.push({ spanGaps: true, points: { show: false }, ...options });
      return series.length - 1;
    };
    spec.lines.forEach((line, l) => {
      const stroke = groupColor(line.group);
      const show = !hidden.has(line.group);
      const edge = { stroke: 'transparent', width: 0, show };
      const isTrend = hasTrend(spec) && line.trend;
      const low = isTrend ? line.trendLow : line.low;
      if (low) {
        const from = add(isTrend ? line.trendHigh : line.high, edge);
        bands.push({ series: [from, add(low, edge)], fill: alpha(stroke, 0.18) });
      }
      if (isTrend && !low) {
        add(line.mean, { stroke: alpha(stroke, 0.3), width: 1, show });
      }
      const at = add(isTrend ? line.trend : line.mean, {
        line, stroke, show,
        width: spec.range ? 1 : line.dashed ? 1.5 : 2,
        dash: line.dashed ? [5, 4] : undefined,
        points: { show: spec.x.length <= 40, size: 5, fill: stroke, stroke },
      });
      if (spec.range && l + 1 < spec.lines.length && spec.lines[l + 1].group === line.group) {
        bands.push({ series: [-1, at], fill: alpha(stroke, 0.12), open: true });
      } else if (spec.range) {
        const band = bands.findLast(candidate => candidate.open);
        band.series[0] = at;
        delete band.open;
      }
    });
    for (const bound of spec.bounds) {
      add(spec.x.map(() => bound.y), {
        stroke: groupColor(bound.group), width: 1.5, dash: [2, 3], show: !hidden.has(bound.group),
      });
    }
    return { columns, series, bands };
  }

  // The nearest of 1, 2 and 5 times a power of ten that is not above, or not below.
  const roundNumber = (value, isUp) => {
    const scale = 10 ** Math.floor(Math.log10(value) + 1e-9);
    const steps = isUp ? [1, 2, 5, 10] : [5, 2, 1];
    const step = steps.find(n => isUp ? n * scale >= value * 0.9999 : n * scale <= value * 1.0001);
    return Number(((step || 1) * scale).toPrecision(1));
  };

  function yRange(spec, low, high) {
    if (low === null || high === null) return spec.axis === 'log' ? [0.1, 1] : [0, 1];
    if (spec.axis === 'log') return [roundNumber(low / 1.05, false), roundNumber(high * 1.05, true)];
    const from = spec.axis === 'from_zero' ? Math.min(0, low) : low;
    const margin = (high - from || Math.abs(high) || 1) * 0.06;
    return [from === 0 ? 0 : from - margin, high + margin];
  }

  // As wide as the widest number beside it.
  function axisSize(plot, values, index, cycle) {
    const axis = plot.axes[index];
    plot.ctx.font = axis.font[0];
    const widest = Math.max(0, ...(values || []).map(value => plot.ctx.measureText(value || '').width));
    const size = Math.ceil(widest / devicePixelRatio) + axis.gap + 4;
    // The numbers may change with the size; it must not go back and forth.
    return cycle > 1 ? Math.max(size, axis._size) : size;
  }

  function draw(chart) {
    const { spec } = chart;
    if (chart.plot) chart.plot.destroy();
    const { columns, series, bands } = content(spec);
    const isRounds = spec.position === 'round';
    const axis = {
      stroke: color('--muted'), font: font(), labelFont: font(), labelSize: 16, labelGap: 0, gap: 5,
      grid: { stroke: color('--grid'), width: 1 }, ticks: { show: false },
    };
    const numbers = (plot, ticks) => ticks.map(tick => tick === null ? '' : format(Number(tick.toPrecision(8))));
    chart.series = series.length;
    chart.plot = new uPlot({
      padding: [10, 10, 0, 0],
      width: chart.place.clientWidth,
      height: height(),
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: isRounds, y: false, setScale: false, dist: 6 },
        points: { size: 6 },
        sync: isRounds
          ? { key: 'rounds', scales: ['x', null], setSeries: false, filters: { pub: type => type.startsWith('mouse') && !/down|up/.test(type) } }
          : undefined,
      },
      scales: {
        x: {
          time: false,
          range: (plot, low, high) => isRounds ? zoom || [0, lastRound()] : low === high ? [low - 1, high + 1] : [low, high],
        },
        y: {
          distr: spec.axis === 'log' ? 3 : 1,
          range: (plot, low, high) => yRange(spec, low, high),
        },
      },
      axes: [
        {
          ...axis, label: spec.position, size: 22, space: 60,
          incrs: [1, 2, 5].flatMap(n => [1, 10, 100, 1000, 10000, 100000].map(scale => n * scale)).sort((a, b) => a - b),
          values: numbers,
        },
        { ...axis, label: spec.unit, size: axisSize, space: 36, values: numbers },
      ],
      series,
      bands,
      hooks: {
        setCursor: [plot => readOut(chart, plot.cursor.idx)],
        setSelect: [selected],
      },
    }, columns, chart.place);
    if (isRounds) chart.plot.over.addEventListener('dblclick', () => zoomTo(null));
    readOut(chart, null);
  }

  // Zooms to what was dragged over.
  function selected(plot) {
    const { left, width } = plot.select;
    if (width === 0) return;
    zoomTo([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  // Zooms all charts of rounds; each asks for the range when it is told of a new one.
  function zoomTo(range) {
    zoom = range;
    const [min, max] = range || [0, lastRound()];
    for (const chart of charts) {
      if (chart.spec.position === 'round') chart.plot.setScale('x', { min, max });
    }
    byId('from').value = Math.round(min);
    byId('to').value = Math.round(max);
    byId('all').disabled = !range;
  }

  // Values under the cursor, or the last ones.
  function readOut(chart, index) {
    const { spec, plot, readout } = chart;
    if (!plot) return;
    const at = index === null || index === undefined ? spec.x.length - 1 : index;
    const window = hasTrend(spec) ? `, mean of ${spec.window}` : spec.stretch > 1 ? `, ± ${spec.stretch}` : '';
    const parts = [element('span', 'at', `${spec.position} ${spec.x[at]}${window}`)];
    [ALL_GROUPS, ...data.groups.keys()].forEach(g => {
      if (hidden.has(g)) return;
      const values = [];
      plot.series.forEach((series, i) => {
        if (series.line && series.line.group === g) {
          // Lines with gaps: the last value up to here.
          let j = at;
          while (j > 0 && plot.data[i][j] === null) j--;
          values.push(format(plot.data[i][j]));
        }
      });
      if (values.length === 0) return;
      const entry = element('span');
      if (g !== ALL_GROUPS) {
        entry.append(swatch(g));
        entry.title = data.groups[g].label;
      }
      entry.append(values.join(spec.range ? ' … ' : ' / '));
      parts.push(entry);
    });
    readout.replaceChildren(...parts);
  }

  function build() {
    charts.forEach(chart => chart.plot && chart.plot.destroy());
    charts = [];
    const section = byId('charts');
    section.replaceChildren();
    byId('tools').hidden = data.charts.length === 0;
    if (data.charts.length === 0) {
      section.append(element('p', 'note', 'Nothing measured yet: the charts appear with the first step.'));
    }
    let part = '', grid = null;
    for (const spec of data.charts) {
      if (spec.part !== part) {
        part = spec.part;
        section.append(element('h3', 'part', part));
        grid = section.appendChild(element('div', 'grid'));
      }
      const box = grid.appendChild(element('div', 'chart'));
      box.append(element('h4', '', spec.title), element('p', 'note', spec.note));
      if (spec.paper) {
        const paper = box.appendChild(element('p', 'note paper', `GMPO paper: ${spec.paper}`));
        paper.title = `The paper has a figure of the same quantity: Zhao et al., arXiv:2507.20673, ${spec.paper}`;
      }
      const readout = box.appendChild(element('div', 'readout'));
      const place = box.appendChild(element('div', 'plot'));
      place.setAttribute('role', 'img');
      place.setAttribute('aria-label', `${spec.title}, ${spec.unit}. ${spec.note}`);
      charts.push({ spec, place, readout, plot: null });
    }
    byId('legend').replaceChildren(...data.groups.map((group, g) => {
      const button = element('button');
      button.type = 'button';
      button.append(swatch(g), group.label);
      button.setAttribute('aria-pressed', String(!hidden.has(g)));
      button.addEventListener('click', () => {
        if (hidden.has(g)) hidden.delete(g); else hidden.add(g);
        button.setAttribute('aria-pressed', String(!hidden.has(g)));
        redraw();
      });
      return button;
    }));
    byId('trend').hidden = !data.charts.some(spec => spec.window > 1);
    byId('from').max = byId('to').max = lastRound();
    redraw();
    zoomTo(zoom);
  }

  function redraw() {
    charts.forEach(draw);
  }

  const shape = content => JSON.stringify([
    content.groups, content.charts.map(spec => [spec.title, spec.bounds, spec.window > 1, spec.lines.map(line => [line.group, !!line.low])]),
  ]);

  // What a server sends as the run goes on.
  function update(news) {
    document.title = news.title;
    byId('title').textContent = news.title;
    const isOpen = !!document.querySelector('#settings details[open]');
    for (const [id, html] of Object.entries(news.parts)) byId(id).innerHTML = html;
    if (isOpen) document.querySelector('#settings details').open = true;
    const isSame = shape(news.data) === shape(data);
    data = news.data;
    if (!isSame) {
      build();
      return;
    }
    charts.forEach((chart, i) => {
      chart.spec = data.charts[i];
      const { columns, series } = content(chart.spec);
      if (series.length !== chart.series || (columns[0].length > 40) !== (chart.plot.data[0].length > 40)) {
        draw(chart);
        return;
      }
      series.forEach((fresh, s) => { chart.plot.series[s].line = fresh.line; });
      chart.plot.setData(columns);
      readOut(chart, chart.plot.cursor.idx);
    });
    byId('from').max = byId('to').max = lastRound();
    zoomTo(zoom);
  }

  byId('trend').querySelector('input').addEventListener('change', event => {
    trend = event.target.checked;
    redraw();
  });
  byId('tools').addEventListener('submit', event => event.preventDefault());
  byId('all').addEventListener('click', () => zoomTo(null));
  for (const id of ['from', 'to']) {
    byId(id).addEventListener('change', () => {
      const from = Number(byId('from').value), to = Number(byId('to').value);
      zoomTo(from < to ? [Math.max(0, from), Math.min(lastRound(), to)] : null);
    });
  }

  build();
  window.geomeanReport = { update, plots: () => charts.map(chart => chart.plot) };

  let pending = 0;
  new ResizeObserver(() => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => charts.forEach(chart => {
      const width = chart.place.clientWidth;
      if (width > 0 && width !== chart.plot.width) chart.plot.setSize({ width, height: height() });
    }));
  }).observe(byId('charts'));

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('beforeprint', () => {
    document.documentElement.classList.add('light');
    document.querySelectorAll('details').forEach(details => { details.open = true; });
    redraw();
  });
  addEventListener('afterprint', () => {
    document.documentElement.classList.remove('light');
    redraw();
  });
})();
