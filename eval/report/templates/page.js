"use strict";
(() => {
  const { css, colour, dash, symbol, rgba, plain, axis, draw, names, logarithmic, linear, watch, narrow } = draws;
  const { plots } = JSON.parse(document.getElementById("data").textContent);
  const fixed = (value) => Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 });

  function hover(series, k, value) {
    const low = series.low[k] ?? null, high = series.high[k] ?? null;
    return `${plain(series.name)}<br>${fixed(value)}${low === null || high === null ? "" : ` [${fixed(low)}, ${fixed(high)}]`}`;
  }

  function bars(series, values, i) {
    if (!series.low.some((value) => value !== null)) return undefined;
    const arm = (ends, sign) => ends.map((end, k) => (end === null ? 0 : sign * (end - values[k])));
    return { type: "data", symmetric: false, thickness: 2, width: 5, color: colour(i), array: arm(series.high, 1), arrayminus: arm(series.low, -1) };
  }

  // Several series share a row, each a little below the one before it.
  const shift = (i, n) => (n > 1 ? (i - (n - 1) / 2) * Math.min(0.22, 0.7 / n) : 0);

  function rows(plot) {
    return plot.series.map((series, i) => ({
      x: series.x, y: series.y.map((y) => y + shift(i, plot.series.length)), mode: "markers", name: draws.label(series.name), hoverinfo: "text",
      text: series.x.map((x, k) => (x === null ? "" : `${plain(plot.rows[series.y[k]])}<br>${hover(series, k, x)}`)), error_x: bars(series, series.x, i),
      marker: {
        color: colour(i), size: 10, line: { width: 2, color: colour(i) },
        symbol: series.ranks.length ? series.ranks.map((rank) => ({ best: "star", tied: "circle" }[rank] ?? "circle-open")) : symbol(i),
      },
    }));
  }

  function lines(plot) {
    return plot.series.flatMap((series, i) => {
      const main = {
        x: series.x, y: series.y, name: draws.label(series.name), legendgroup: String(i), mode: plot.joined ? (plot.markers ? "lines+markers" : "lines") : "markers", hoverinfo: "text",
        text: series.y.map((y, k) => (y === null ? "" : `${fixed(series.x[k])}: ${hover(series, k, y)}`)),
        line: { color: colour(i), width: 2, dash: dash(i) }, marker: { symbol: symbol(i), size: plot.joined ? 8 : 11, color: colour(i) },
      };
      if (!plot.bands) return [{ ...main, error_y: bars(series, series.y, i) }];
      if (!series.low.some((value) => value !== null)) return [main];
      return [{
        x: [...series.x, ...[...series.x].reverse()], y: [...series.high, ...[...series.low].reverse()], fill: "toself", mode: "none",
        fillcolor: rgba(colour(i), 0.13), hoverinfo: "skip", showlegend: false, legendgroup: String(i),
      }, main];
    });
  }

  function rules(plot) {
    const at = (x, dashed) => ({ type: "line", layer: "below", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: css("--muted"), width: 1.5, dash: dashed } });
    const segment = ([x0, y0, x1, y1, width]) => ({ type: "line", layer: "below", x0, y0, x1, y1, line: { color: css("--fg"), width } });
    // An annotation on a logarithmic axis stands at the exponent of ten; a shape does not.
    const text = ([what, x, y, anchor]) => ({ text: draws.label(what), x: plot.x_log ? Math.log10(x) : x, y, xanchor: anchor, yanchor: "middle", showarrow: false, font: { size: narrow() ? 10 : 12, color: css("--fg") } });
    return {
      shapes: [...plot.segments.map(segment), ...plot.rules.map((x) => at(x, "dot")), ...plot.limits.map(([, x]) => at(x, "dash"))],
      annotations: [...plot.labels.map(text), ...plot.limits.map(([text, x]) => ({ text: plain(text), x, y: 1, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 11, color: css("--muted") } }))],
    };
  }

  function xAxis(plot) {
    const title = { text: plain(plot.x_title) };
    if (plot.x_range) return axis({ title, range: plot.x_range, ...(plot.x_ticks.length ? { tickvals: plot.x_ticks } : {}) });
    const values = plot.series.flatMap((series) => (plot.rows.length ? [...series.x, ...series.low, ...series.high] : series.x)).filter((x) => x !== null);
    const range = linear([...(plot.x_log ? values.map(Math.log10) : values), ...(plot.rows.length ? plot.rules : [])]);
    if (!plot.x_log) return axis({ title, range, ...(plot.x_ticks.length ? { tickvals: plot.x_ticks } : {}) });
    if (!plot.x_ticks.length) return logarithmic(range, { title });
    return axis({ type: "log", range, title, tickvals: plot.x_ticks, ticktext: plot.x_ticks.map((x) => x.toLocaleString("en")) });
  }

  // Percentages in cells: 50 is even, blue wins, red loses, with the numbers in the cells where there is room.
  function matrix(plot) {
    const scale = [[0, "#b2182b"], [0.25, "#ef8a62"], [0.5, css("--grid")], [0.75, "#67a9cf"], [1, "#2166ac"]];
    const cell = (value) => (value === null ? "" : value.toFixed(0));
    return [{
      type: "heatmap", z: plot.matrix, zmin: 0, zmax: 100, colorscale: scale, showscale: false, xgap: 1, ygap: 1, hoverinfo: "text", hoverongaps: false,
      text: plot.matrix.map((row) => row.map(cell)), texttemplate: narrow() ? "" : "%{text}", textfont: { size: 11 },
      hovertext: plot.matrix.map((row, i) => row.map((value, j) => (value === null ? "" : `${plain(plot.rows[i])} beats ${plain(plot.columns[j])}<br>on ${value.toFixed(0)} % of the splits`))),
    }];
  }

  function drawMatrix(plot, id) {
    draw(id, matrix(plot), {
      height: 150 + 30 * plot.rows.length, yaxis: { ...names(plot.rows), showgrid: false },
      xaxis: { ...names(plot.columns), range: [-0.6, plot.columns.length - 0.4], tickangle: -45, showgrid: false, title: { text: plain(plot.x_title) } },
    });
  }

  // Each figure can be saved; the file is made here, and a link to it needs no connection.
  function offer(plot, id) {
    const button = document.getElementById(`save-${id}`);
    if (!button) return;
    button.onclick = async () => {
      const shown = document.getElementById(id);
      const link = document.createElement("a");
      link.href = await Plotly.toImage(shown, { format: "svg", width: shown.clientWidth, height: shown.clientHeight });
      link.download = `${plot.name}.svg`;
      link.click();
    };
  }

  function show() {
    plots.forEach((plot, i) => {
      if (document.getElementById(`plot-${i}`).closest("[hidden]")) return;
      offer(plot, `plot-${i}`);
      if (plot.matrix.length) { drawMatrix(plot, `plot-${i}`); return; }
      const several = plot.series.length > 1, listed = plot.rows.length > 0;
      draw(`plot-${i}`, listed ? rows(plot) : lines(plot), {
        height: (listed ? 100 + plot.rows.length * Math.max(30, 12 * plot.series.length) : narrow() ? 520 : 460) + (several ? 24 * Math.ceil(plot.series.length / (narrow() ? 1 : 3)) : 0),
        showlegend: several && !plot.bare, legend: { orientation: "h", y: listed ? -0.02 : -0.16, yanchor: "top", yref: listed ? "container" : "paper", ...(listed ? { y: 0, yanchor: "bottom" } : {}) },
        ...rules(plot), xaxis: plot.bare ? axis({ visible: false, range: plot.x_range }) : xAxis(plot),
        yaxis: plot.bare ? axis({ visible: false, range: plot.y_range }) : listed ? names(plot.rows) : axis({ title: { text: plain(plot.y_title) }, ...(plot.y_range ? { range: plot.y_range } : {}) }),
      });
    });
  }

  // A page of several metrics shows one at a time.
  const chosen = document.getElementById("metric");
  function choose() {
    document.querySelectorAll("[data-metric]").forEach((part) => { part.hidden = part.dataset.metric !== chosen.value; });
  }
  if (chosen) {
    choose();
    chosen.addEventListener("change", () => { choose(); show(); });
  }

  document.body.classList.add("js");
  watch(show);
})();
