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
        x: series.x, y: series.y, name: draws.label(series.name), legendgroup: String(i), mode: plot.markers ? "lines+markers" : "lines", hoverinfo: "text",
        text: series.y.map((y, k) => (y === null ? "" : `${fixed(series.x[k])}: ${hover(series, k, y)}`)),
        line: { color: colour(i), width: 2, dash: dash(i) }, marker: { symbol: symbol(i), size: 8 },
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
    return {
      shapes: [...plot.rules.map((x) => at(x, "dot")), ...plot.limits.map(([, x]) => at(x, "dash"))],
      annotations: plot.limits.map(([text, x]) => ({ text: plain(text), x, y: 1, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 11, color: css("--muted") } })),
    };
  }

  function xAxis(plot) {
    const title = { text: plain(plot.x_title) };
    const values = plot.series.flatMap((series) => (plot.rows.length ? [...series.x, ...series.low, ...series.high] : series.x)).filter((x) => x !== null);
    const range = linear([...(plot.x_log ? values.map(Math.log10) : values), ...(plot.rows.length ? plot.rules : [])]);
    if (!plot.x_log) return axis({ title, range, ...(plot.x_ticks.length ? { tickvals: plot.x_ticks } : {}) });
    if (!plot.x_ticks.length) return logarithmic(range, { title });
    return axis({ type: "log", range, title, tickvals: plot.x_ticks, ticktext: plot.x_ticks.map((x) => x.toLocaleString("en")) });
  }

  function show() {
    plots.forEach((plot, i) => {
      const several = plot.series.length > 1, listed = plot.rows.length > 0;
      draw(`plot-${i}`, listed ? rows(plot) : lines(plot), {
        height: (listed ? 100 + plot.rows.length * Math.max(30, 12 * plot.series.length) : narrow() ? 520 : 460) + (several ? 24 * Math.ceil(plot.series.length / (narrow() ? 1 : 3)) : 0),
        showlegend: several, legend: { orientation: "h", y: listed ? -0.02 : -0.16, yanchor: "top", yref: listed ? "container" : "paper", ...(listed ? { y: 0, yanchor: "bottom" } : {}) },
        ...rules(plot), xaxis: xAxis(plot),
        yaxis: listed ? names(plot.rows) : axis({ title: { text: plain(plot.y_title) }, ...(plot.y_range ? { range: plot.y_range } : {}) }),
      });
    });
  }

  document.body.classList.add("js");
  watch(show);
})();
