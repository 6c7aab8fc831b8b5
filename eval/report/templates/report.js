"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const light = ["#0072b2", "#d55e00", "#009e73", "#b4568f", "#a67c00", "#3f9bd1", "#882255", "#44449c", "#6b7a1e", "#5c6670"];
  const dark = ["#4aa8e8", "#ff8a3d", "#2fd0a0", "#e79ac8", "#e8bd3c", "#9ad4f7", "#d9689a", "#9c9cf5", "#b9c75a", "#aab4c0"];
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "x", "pentagon", "hexagon", "star-diamond"];
  const dashes = ["solid", "dash", "dot", "dashdot"];
  const state = { task: 0, metric: 0 };
  const night = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const narrow = () => innerWidth < 600;
  const colour = (i) => (night.matches && !printing ? dark : light)[i % light.length];
  const rgba = (hex, alpha) => `rgba(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))},${alpha})`;
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;");
  const short = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);
  const label = (i) => plain(short(data.predictors[i], narrow() ? 18 : 30));
  const fixed = (value, decimals) => value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const task = () => data.tasks[state.task];
  const column = () => task().metrics[state.metric];
  const metric = () => data.metrics[state.metric];
  const arrow = () => (metric().direction > 0 ? "higher is better" : "lower is better");
  const order = () => data.predictors.map((_, i) => i).sort((a, b) => metric().direction * (column().mean[b] - column().mean[a]) || a - b);

  const axis = (extra) => ({ gridcolor: css("--grid"), linecolor: css("--line"), zeroline: false, fixedrange: true, automargin: true, ...extra });
  const layout = (extra) => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest", dragmode: false,
    font: { family: css("--font"), size: 13, color: css("--fg") }, margin: { l: 8, r: 16, t: 28, b: 44 },
    hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--fg"), family: css("--font") } }, ...extra,
  });
  const config = { responsive: true, displayModeBar: false };
  const draw = (id, traces, extra) => Plotly.react(id, traces, layout(extra), config);

  const names = (indices) => axis({
    tickvals: indices.map((_, at) => at), ticktext: indices.map(label), range: [indices.length - 0.4, -0.6], ticklabelstandoff: 6,
  });
  const height = (n) => 90 + 30 * n;

  function reference(value, text, dash, on = "x") {
    if (value === null) return { shapes: [], annotations: [] };
    const across = on === "x" ? { x0: value, x1: value, y0: 0, y1: 1, yref: "paper" } : { y0: value, y1: value, x0: 0, x1: 1, xref: "paper" };
    const place = on === "x" ? { x: value, y: 1, yref: "paper", yanchor: "bottom" } : { x: 1, y: value, xref: "paper", xanchor: "right", yanchor: "bottom" };
    return {
      shapes: [{ type: "line", layer: "below", line: { color: css("--muted"), width: 1.5, dash }, ...across }],
      annotations: [{ text, showarrow: false, font: { size: 11, color: css("--muted") }, bgcolor: on === "y" ? css("--card") : undefined, ...place }],
    };
  }

  function references(c, log, on) {
    const scale = (value) => (log && value !== null ? Math.log10(value) : value);
    const found = [["chance", c.chance, "dot"], ["noise ceiling", c.ceiling, "dash"]].map(([text, value, dash]) => {
      if (log && value !== null && value <= 0) return reference(null);
      const both = reference(value, text, dash, on);
      both.annotations.forEach((note) => { note[on] = scale(value); });
      return both;
    });
    if (on === "x" && c.ceiling !== null && found[1].annotations.length && found[0].annotations.length) {
      const up = c.ceiling > c.chance;
      found[0].annotations[0].xanchor = up ? "left" : "right";
      found[1].annotations[0].xanchor = up ? "right" : "left";
    }
    return { shapes: found.flatMap((f) => f.shapes), annotations: found.flatMap((f) => f.annotations) };
  }

  function spread(values) {
    const known = values.filter((value) => value !== null && Number.isFinite(value));
    const low = Math.min(...known), high = Math.max(...known);
    const log = metric().high === null && low > 0 && high / low > 30;
    const [a, b] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
    const pad = (b - a || Math.abs(b) || 1) * 0.05;
    return { log, range: [a - pad, b + pad] };
  }

  function arms(c, at) {
    if (c.low[at[0]] === null) return undefined;
    return { type: "data", symmetric: false, thickness: 2, width: 5, array: at.map((i) => c.high[i] - c.mean[i]), arrayminus: at.map((i) => c.mean[i] - c.low[i]) };
  }

  function interval(c, i) {
    const value = fixed(c.mean[i], c.decimals);
    return c.low[i] === null ? value : `${value} [${fixed(c.low[i], c.decimals)}, ${fixed(c.high[i], c.decimals)}]`;
  }

  function forest() {
    const c = column(), at = order();
    const { log, range } = spread([...c.mean, ...(Math.min(...c.low) > 0 ? c.low : []), ...c.high, c.chance, c.ceiling]);
    const traces = at.map((i, y) => ({
      x: [c.mean[i]], y: [y], error_x: arms(c, [i]), mode: "markers", text: [`${label(i)}<br>${interval(c, i)}`], hoverinfo: "text",
      marker: {
        color: colour(i), size: c.rank[i] === "best" ? 15 : 10, line: { width: 2, color: colour(i) },
        symbol: c.rank[i] === "best" ? "star" : c.rank[i] === "tied" ? "circle" : "circle-open",
      },
    }));
    draw("forest", traces, {
      height: height(at.length), yaxis: names(at), ...references(c, log, "x"),
      xaxis: axis({ type: log ? "log" : "linear", range, title: { text: `${metric().name} (${arrow()})` } }),
    });
  }

  function differences() {
    const c = column(), at = order().filter((i) => c.rank[i] !== "best");
    const [mean, low, high] = [0, 1, 2].map((k) => at.map((i) => c.difference[i][k]));
    const text = at.map((i, y) => `${label(i)}<br>${fixed(mean[y], c.decimals)}${low[y] === null ? "" : ` [${fixed(low[y], c.decimals)}, ${fixed(high[y], c.decimals)}]`}`);
    const traces = at.map((i, y) => ({
      x: [mean[y]], y: [y], mode: "markers", text: [text[y]], hoverinfo: "text",
      error_x: low[y] === null ? undefined : { type: "data", symmetric: false, thickness: 2, width: 5, array: [high[y] - mean[y]], arrayminus: [mean[y] - low[y]] },
      marker: { color: colour(i), size: 10, symbol: c.rank[i] === "tied" ? "circle" : "circle-open", line: { width: 2, color: colour(i) } },
    }));
    const best = reference(0, `${label(c.rank.indexOf("best"))} (best)`, "solid");
    best.annotations[0].xanchor = metric().direction > 0 ? "right" : "left";
    draw("differences", traces, {
      height: height(at.length + 1), yaxis: names(at), ...best,
      xaxis: axis({ range: linear([...mean, ...low, ...high, 0]), title: { text: `${metric().name}: difference from the best` } }),
    });
  }

  function linear(values) {
    const known = values.filter((value) => value !== null);
    const low = Math.min(...known), high = Math.max(...known), pad = (high - low || 1) * 0.08;
    return [low - pad, high + pad];
  }

  function curves() {
    const group = data.curves.find((tasks) => tasks.includes(state.task));
    byId("curve").hidden = !group;
    if (!group) return;
    const sizes = group.map((t) => data.tasks[t].size), columns = group.map((t) => data.tasks[t].metrics[state.metric]);
    const traces = order().flatMap((i) => {
      const line = { color: colour(i), width: 2, dash: dashes[Math.floor(i / light.length) % dashes.length] };
      const pick = (key) => columns.map((c) => c[key][i]);
      const main = {
        x: sizes, y: pick("mean"), name: label(i), legendgroup: String(i), mode: "lines+markers", line, hoverinfo: "text",
        marker: { symbol: symbols[i % symbols.length], size: 8 }, text: columns.map((c, k) => `${label(i)}, ${sizes[k]} labels<br>${interval(c, i)}`),
      };
      if (columns.some((c) => c.low[i] === null)) return [main];
      return [{
        x: [...sizes, ...[...sizes].reverse()], y: [...pick("high"), ...pick("low").reverse()], fill: "toself", mode: "none",
        fillcolor: rgba(colour(i), 0.13), hoverinfo: "skip", showlegend: false, legendgroup: String(i),
      }, main];
    });
    const mean = (key) => (columns.some((c) => c[key] === null) ? null : columns.reduce((sum, c) => sum + c[key], 0) / columns.length);
    const limits = { chance: mean("chance"), ceiling: mean("ceiling") };
    const { log, range } = spread([...columns.flatMap((c) => [...c.mean, ...(Math.min(...c.low) > 0 ? c.low : []), ...c.high]), limits.chance, limits.ceiling]);
    byId("curve-note").textContent = metric().name;
    draw("curves", traces, {
      height: narrow() ? 520 : 460, showlegend: true, legend: { orientation: "h", y: -0.18, yanchor: "top" }, ...references(limits, log, "y"),
      xaxis: axis({ type: "log", tickvals: sizes, ticktext: sizes.map(String), title: { text: "training labels" } }),
      yaxis: axis({ type: log ? "log" : "linear", range, title: { text: `${metric().name} (${arrow()})` } }),
    });
  }

  function density(panel, i) {
    const counts = panel.counts.flat().filter((n) => n > 0).sort((a, b) => a - b);
    const step = 100 / panel.counts.length;
    return {
      type: "heatmap", z: panel.counts.map((row) => row.map(Math.sqrt)), x0: step / 2, dx: step, y0: step / 2, dy: step, showscale: false, hoverinfo: "skip",
      zmin: 0, zmax: Math.sqrt(counts[Math.floor(counts.length * 0.98)]), colorscale: [[0, rgba(colour(i), 0)], [1, rgba(colour(i), 0.95)]],
    };
  }

  const dots = ([x, y], marker) => ({ x, y, mode: "markers", hoverinfo: "skip", marker });

  function scatters() {
    const panels = data.scatters[state.task], home = byId("scatters");
    home.replaceChildren();
    byId("scatter-n").textContent = panels[0].n.toLocaleString("en");
    byId("scatter-top").textContent = panels[0].top[0].length;
    order().forEach((i) => {
      const panel = panels[i], top = panel.top[0].length;
      const box = document.createElement("div"), title = document.createElement("h3"), note = document.createElement("p"), plot = document.createElement("div");
      box.className = "panel";
      title.textContent = data.predictors[i];
      note.textContent = `${fixed(panel.hits, Number.isInteger(panel.hits) ? 0 : 1)} of the true top ${top} in its top ${top}`;
      plot.setAttribute("role", "img");
      plot.setAttribute("aria-label", `Predicted against true rank, ${data.predictors[i]}: ${note.textContent}`);
      box.append(title, note, plot);
      home.append(box);
      const base = panel.counts ? density(panel, i) : dots(panel.rest, { color: colour(i), size: 5, opacity: 0.75 });
      const ticks = { tickvals: [0, 50, 100], range: [-1, 103], automargin: false };
      draw(plot, [base, dots(panel.top, { color: css("--fg"), size: panel.counts ? 3.5 : 7, opacity: 0.7, symbol: panel.counts ? "circle" : "diamond" })], {
        height: 250, margin: { l: 42, r: 6, t: 8, b: 38 }, font: { family: css("--font"), size: 11, color: css("--muted") },
        shapes: [{ type: "line", x0: 0, y0: 0, x1: 100, y1: 100, line: { color: css("--muted"), width: 1, dash: "dot" } }],
        xaxis: axis({ ...ticks, title: { text: "predicted", standoff: 4 } }), yaxis: axis({ ...ticks, title: { text: "true", standoff: 4 } }),
      });
    });
  }

  function times() {
    const t = task(), at = [...order()].sort((a, b) => t.fit[a] + t.predict[a] - t.fit[b] - t.predict[b]);
    const shown = (value) => Math.max(value, 1e-5);
    const trace = (key, open) => at.map((i, y) => ({
      x: [shown(t[key][i])], y: [y], mode: "markers", hoverinfo: "text", text: [`${label(i)}<br>${key} ${t[key][i].toPrecision(3)} s`],
      marker: { color: colour(i), size: 10, symbol: open ? "circle-open" : "circle", line: { width: 2, color: colour(i) } },
    }));
    const range = linear([...t.fit, ...t.predict].map((value) => Math.log10(shown(value))));
    draw("times", [...trace("fit", false), ...trace("predict", true)], {
      height: height(at.length), yaxis: names(at),
      xaxis: axis({ type: "log", range, title: { text: "seconds a repeat" }, dtick: 1, tickformat: "~g" }),
    });
  }

  function twins() {
    const c = column(), at = order().filter((i) => c.clean[i] !== null);
    byId("twins").parentNode.hidden = !task().twins || at.length === 0;
    if (!task().twins || at.length === 0) return;
    const { log, range } = spread([...c.mean, ...c.clean]);
    const traces = at.map((i, y) => ({
      x: [c.mean[i], c.clean[i]], y: [y, y], mode: "lines+markers", line: { color: colour(i), width: 2 }, hoverinfo: "text",
      text: [["all", c.mean[i]], ["without twins", c.clean[i]]].map(([what, value]) => `${label(i)}, ${what}<br>${fixed(value, c.decimals)}`),
      marker: { color: colour(i), size: 10, symbol: ["circle", "circle-open"], line: { width: 2, color: colour(i) } },
    }));
    draw("twins", traces, {
      height: height(at.length), yaxis: names(at),
      xaxis: axis({ type: log ? "log" : "linear", range, title: { text: `${metric().name} (${arrow()})` } }),
    });
  }

  function headline() {
    const c = column(), best = c.rank.indexOf("best"), ties = order().filter((i) => c.rank[i] === "tied");
    const strong = document.createElement("strong"), limits = [`chance ${fixed(c.chance, c.decimals)}`];
    if (c.ceiling !== null) limits.push(`noise ceiling ${fixed(c.ceiling, c.decimals)}`);
    strong.textContent = data.predictors[best];
    const rest = !task().decidable ? `${task().repeats === 1 ? "One repeat is" : `${task().repeats} repeats are`} too few to separate the others from it.`
      : ties.length ? `Not significantly worse: ${ties.map((i) => data.predictors[i]).join(", ")}.` : "All others are significantly worse.";
    byId("headline").replaceChildren(`By ${metric().name}, `, strong, ` ranks best: ${interval(c, best)} (${limits.join(", ")}). ${rest}`);
  }

  function show() {
    all(".task").forEach((box) => box.classList.toggle("shown", Number(box.dataset.task) === state.task));
    all("tbody[data-only]").forEach((body) => body.classList.toggle("shown", Number(body.dataset.only) === state.metric));
    all("[data-metric]").forEach((cell) => cell.classList.toggle("chosen", cell.dataset.metric === metric().name));
    all(".swatch").forEach((dot) => { dot.style.backgroundColor = colour(data.predictors.indexOf(dot.dataset.predictor)); });
    headline();
    forest();
    differences();
    times();
    if (byId("twins")) twins();
    if (data.curves.length) curves();
    if (data.scatters.length) scatters();
  }

  function sortable(table) {
    all("thead th[data-direction]", table).forEach((header) => {
      header.querySelector("button").addEventListener("click", () => {
        const at = [...header.parentNode.children].indexOf(header), body = table.tBodies[0];
        const better = Number(header.dataset.direction) > 0 ? "descending" : "ascending";
        const other = better === "ascending" ? "descending" : "ascending";
        const way = header.getAttribute("aria-sort") === better ? other : better;
        all("thead th", table).forEach((each) => each.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", way);
        const value = (row) => Number(row.children[at].dataset.value) * (way === "ascending" ? 1 : -1);
        body.append(...[...body.rows].sort((a, b) => value(a) - value(b)));
      });
    });
  }

  document.body.classList.add("js");
  all("table.sortable").forEach(sortable);
  ["task", "metric"].forEach((id) => byId(id)?.addEventListener("change", (event) => {
    state[id] = Number(event.target.value);
    show();
  }));
  night.addEventListener("change", show);
  addEventListener("beforeprint", () => { printing = true; show(); });
  addEventListener("afterprint", () => { printing = false; show(); });
  let wasNarrow = narrow();
  addEventListener("resize", () => {
    if (narrow() !== wasNarrow) { wasNarrow = narrow(); show(); }
  });
  show();
})();
