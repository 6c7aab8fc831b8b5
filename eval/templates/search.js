"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const light = ["#0072b2", "#d55e00", "#009e73", "#b4568f", "#a67c00", "#3f9bd1", "#882255", "#44449c", "#6b7a1e", "#5c6670"];
  const dark = ["#4aa8e8", "#ff8a3d", "#2fd0a0", "#e79ac8", "#e8bd3c", "#9ad4f7", "#d9689a", "#9c9cf5", "#b9c75a", "#aab4c0"];
  const dashes = ["solid", "dash", "dot", "dashdot"];
  const state = { task: 0, scale: "log" };
  const night = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  const byId = (id) => document.getElementById(id);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (i) => (night.matches && !printing ? dark : light)[i % light.length];
  const rgba = (hex, alpha) => `rgba(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))},${alpha})`;
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;");
  const axis = (extra) => ({ gridcolor: css("--grid"), linecolor: css("--line"), zeroline: false, fixedrange: true, automargin: true, ...extra });

  // The first few networks are poor whatever the search: the linear axis begins where half a batch is seen.
  function range(task, log) {
    const from = Math.min(Math.floor(task.ends[0] / 2), task.queries.length - 1);
    const means = task.curves.flatMap((curve) => curve.mean);
    if (!log) return [0, 1.1 * Math.max(...task.curves.map((curve) => (curve.high ?? curve.mean)[from])) || 1];
    const positive = means.filter((value) => value > 0);
    return positive.length ? [Math.log10(Math.min(...positive)) - 0.15, Math.log10(Math.max(...positive)) + 0.05] : [-3, 0];
  }

  function curves() {
    const task = data.tasks[state.task], log = state.scale === "log", limits = range(task, log);
    const floor = log ? 10 ** limits[0] : 0;
    const shown = (values) => values.map((value) => Math.max(value, floor));
    const traces = task.curves.flatMap((curve, i) => {
      const name = plain(data.searchers[i]), group = String(i);
      const line = { color: colour(i), width: 2, shape: "hv", dash: dashes[Math.floor(i / light.length) % dashes.length] };
      const main = {
        x: task.queries, y: shown(curve.mean), name, legendgroup: group, mode: "lines", line, hoverinfo: "text",
        text: curve.mean.map((value, q) => `${name}, ${task.queries[q]} labels<br>${value.toFixed(3)}${curve.low ? ` [${curve.low[q].toFixed(3)}, ${curve.high[q].toFixed(3)}]` : ""}`),
      };
      if (!curve.low) return [main];
      const edge = { x: task.queries, mode: "lines", line: { width: 0, shape: "hv" }, hoverinfo: "skip", showlegend: false, legendgroup: group };
      return [{ ...edge, y: shown(curve.low) }, { ...edge, y: shown(curve.high), fill: "tonexty", fillcolor: rgba(colour(i), 0.13) }, main];
    });
    const ends = task.ends.slice(0, -1).map((x) => ({
      type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", layer: "below", line: { color: css("--line"), width: 1, dash: "dot" },
    }));
    Plotly.react("curves", traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", dragmode: false, height: innerWidth < 600 ? 520 : 480,
      font: { family: css("--font"), size: 13, color: css("--fg") }, margin: { l: 8, r: 16, t: 12, b: 44 }, shapes: ends,
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--fg"), family: css("--font") } },
      showlegend: true, legend: { orientation: "h", y: -0.16, yanchor: "top" },
      xaxis: axis({ range: [0, task.queries.length + 1], title: { text: `${plain(task.label)} labels seen` } }),
      yaxis: axis({ type: state.scale, range: limits, dtick: log ? "D2" : undefined, title: { text: `regret of ${plain(task.target)}${task.unit ? `, ${plain(task.unit)}` : ""} (lower is better)` } }),
    }, { responsive: true, displayModeBar: false });
  }

  function show() {
    document.querySelectorAll(".task").forEach((box) => box.classList.toggle("shown", Number(box.dataset.task) === state.task));
    document.querySelectorAll(".swatch").forEach((dot) => { dot.style.backgroundColor = colour(data.searchers.indexOf(dot.dataset.searcher)); });
    curves();
  }

  document.body.classList.add("js");
  byId("task").addEventListener("change", (event) => { state.task = Number(event.target.value); show(); });
  byId("scale").addEventListener("change", (event) => { state.scale = event.target.value; show(); });
  night.addEventListener("change", show);
  addEventListener("beforeprint", () => { printing = true; show(); });
  addEventListener("afterprint", () => { printing = false; show(); });
  show();
})();
