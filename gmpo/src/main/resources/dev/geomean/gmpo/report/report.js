'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const SMOOTH = 10;
  const HEIGHT = 200;
  const PRINTED_HEIGHT = 140;
  const shown = data.groups.map(() => true);
  const charts = [];
  let smooth = false;

  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const groupColor = g => color(data.groups[g].color);
  const element = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  const format = value => {
    if (value === null || value === undefined) return '-';
    const size = Math.abs(value);
    if (value === 0) return '0';
    if (size >= 1e5 || size < 1e-4) return value.toExponential(2);
    return size >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
  };

  // Mean of the value and those before it, as many as there are.
  const smoothed = values => values.map((value, i) => {
    if (value === null) return null;
    let sum = 0, count = 0;
    for (let j = i; j >= 0 && count < SMOOTH; j--) {
      if (values[j] !== null) { sum += values[j]; count++; }
    }
    return sum / count;
  });

  const alpha = (hex, opacity) => hex + Math.round(opacity * 255).toString(16).padStart(2, '0');

  const height = () => document.documentElement.classList.contains('light') ? PRINTED_HEIGHT : HEIGHT;

  function draw(chart) {
    const spec = chart.spec;
    if (chart.plot) chart.plot.destroy();
    const treat = values => smooth && spec.smooth ? smoothed(values) : values;
    const columns = [spec.x];
    const series = [{}];
    const bands = [];
    for (const line of spec.lines) {
      const stroke = groupColor(line.group);
      const show = shown[line.group];
      if (line.low) {
        columns.push(treat(line.high), treat(line.low));
        const edge = { stroke: 'transparent', width: 0, points: { show: false }, spanGaps: true, show };
        series.push(edge, { ...edge });
        bands.push({ series: [series.length - 2, series.length - 1], fill: alpha(stroke, 0.18) });
      }
      columns.push(treat(line.mean));
      series.push({
        line, stroke, show, width: line.dashed ? 1.5 : 2, dash: line.dashed ? [5, 4] : undefined, spanGaps: true,
        points: { show: spec.x.length <= 40 && spec.points, size: 6, fill: stroke, stroke },
      });
    }
    const axis = {
      stroke: color('--muted'), font: '12px system-ui, sans-serif',
      grid: { stroke: color('--grid'), width: 1 }, ticks: { show: false },
    };
    const bounds = spec.bounds.filter(bound => shown[bound.group]);
    chart.plot = new uPlot({
      width: chart.place.clientWidth,
      height: height(),
      legend: { show: false },
      cursor: {
        y: false, drag: { x: false, y: false }, points: { size: 7 },
        sync: spec.sync ? { key: 'rounds', scales: ['x', null], setSeries: false } : undefined,
      },
      scales: {
        x: { time: false },
        y: {
          range: (plot, low, high) => {
            if (low === null) return [0, 1];
            let from = low, to = high;
            for (const bound of bounds) {
              from = Math.min(from, bound.y);
              to = Math.max(to, bound.y);
            }
            if (spec.fromZero) from = Math.min(0, from);
            const margin = (to - from || Math.abs(to) || 1) * 0.06;
            return [spec.fromZero && from === 0 ? 0 : from - margin, to + margin];
          },
        },
      },
      axes: [
        { ...axis, size: 28, gap: 4, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000] },
        { ...axis, size: 42, gap: 4, values: (plot, ticks) => ticks.map(tick => format(Number(tick.toPrecision(8)))) },
      ],
      series,
      bands,
      hooks: {
        draw: [plot => {
          const context = plot.ctx;
          context.save();
          context.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
          context.lineWidth = 1.5 * devicePixelRatio;
          for (const bound of bounds) {
            const y = Math.round(plot.valToPos(bound.y, 'y', true));
            context.strokeStyle = groupColor(bound.group);
            context.beginPath();
            context.moveTo(plot.bbox.left, y);
            context.lineTo(plot.bbox.left + plot.bbox.width, y);
            context.stroke();
          }
          context.restore();
        }],
        setCursor: [plot => readOut(chart, plot.cursor.idx)],
      },
    }, columns, chart.place);
    readOut(chart, null);
  }

  // Values under the cursor, or the last ones.
  function readOut(chart, index) {
    const { spec, plot, readout } = chart;
    if (!plot) return;
    readout.replaceChildren();
    const at = index === null || index === undefined ? spec.x.length - 1 : index;
    readout.append(element('span', 'at', `${spec.xName} ${spec.x[at]}`));
    for (let g = 0; g < data.groups.length; g++) {
      if (!shown[g]) continue;
      const values = [];
      plot.series.forEach((series, i) => {
        if (series.line && series.line.group === g) {
          // Lines with gaps: the last value up to here.
          let j = at;
          while (j > 0 && plot.data[i][j] === null) j--;
          values.push(format(plot.data[i][j]));
        }
      });
      if (values.length === 0) continue;
      const entry = element('span');
      const swatch = element('span', 'swatch');
      swatch.style.setProperty('--group', groupColor(g));
      entry.append(swatch, values.join(' / '));
      entry.title = data.groups[g].label;
      readout.append(entry);
    }
  }

  function build() {
    const section = document.getElementById('charts');
    let part = '', grid = null;
    for (const spec of data.charts) {
      if (spec.part !== part) {
        part = spec.part;
        section.append(element('div', 'part', part));
        grid = section.appendChild(element('div', 'grid'));
      }
      const box = grid.appendChild(element('div', 'chart'));
      box.append(element('h3', '', spec.title), element('p', 'note', spec.note));
      const readout = box.appendChild(element('div', 'readout'));
      const place = box.appendChild(element('div', 'plot'));
      place.setAttribute('role', 'img');
      place.setAttribute('aria-label', `${spec.title}. ${spec.note}`);
      charts.push({ spec, place, readout, plot: null });
    }
    const legend = document.getElementById('legend');
    data.groups.forEach((group, g) => {
      const button = element('button');
      button.type = 'button';
      const swatch = element('span', 'swatch');
      swatch.style.setProperty('--group', `var(${group.color})`);
      button.append(swatch, group.label);
      button.setAttribute('aria-pressed', 'true');
      button.addEventListener('click', () => {
        shown[g] = !shown[g];
        button.setAttribute('aria-pressed', String(shown[g]));
        redraw();
      });
      legend.append(button);
    });
    const label = element('label');
    const box = element('input');
    box.type = 'checkbox';
    box.addEventListener('change', () => { smooth = box.checked; redraw(); });
    label.append(box, ` mean of ${SMOOTH} rounds`);
    legend.append(label);
  }

  function redraw() {
    charts.forEach(draw);
  }

  build();
  redraw();

  let pending = 0;
  new ResizeObserver(() => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => charts.forEach(chart => {
      const width = chart.place.clientWidth;
      if (width > 0 && width !== chart.plot.width) chart.plot.setSize({ width, height: height() });
    }));
  }).observe(document.getElementById('charts'));

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
