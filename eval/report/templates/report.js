"use strict";
(() => {
  const { css, narrow, colour, dash, symbol, rgba, axis, draw, logarithmic, linear, watch } = draws;
  const data = JSON.parse(document.getElementById("data").textContent);
  const state = { task: 0, metric: 0 };

  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const label = (i) => draws.label(data.predictors[i]);
  const fixed = (value, decimals) => value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const task = () => data.tasks[state.task];
  const column = () => task().metrics[state.metric];
  const metric = () => data.metrics[state.metric];
  const arrow = () => (metric().direction > 0 ? "higher is better" : "lower is better");
  const order = () => data.predictors.map((_, i) => i).sort((a, b) => metric().direction * (column().mean[b] - column().mean[a]) || a - b);

  const names = (indices) => draws.names(indices.map((i) => data.predictors[i]));
  const either = (log, range, extra) => (log ? logarithmic(range, extra) : axis({ range, ...extra }));
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
    const found = [["chance", c.chance, "dot"], [{ lower: "noise ceiling ≥", upper: "noise ceiling ≤" }[c.bound] ?? "noise ceiling", c.ceiling, "dash"]].map(([text, value, dash]) => {
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
      xaxis: either(log, range, { title: { text: `${metric().name} (${arrow()})` } }),
    });
  }

  function differences() {
    const c = column(), at = order().filter((i) => i !== c.base);
    byId("differences").closest("section").hidden = at.length === 0;
    if (at.length === 0) return;
    const [mean, low, high] = [0, 1, 2].map((k) => at.map((i) => c.difference[i][k]));
    const text = at.map((i, y) => `${label(i)}<br>${fixed(mean[y], c.decimals)}${low[y] === null ? "" : ` [${fixed(low[y], c.decimals)}, ${fixed(high[y], c.decimals)}]`}`);
    const traces = at.map((i, y) => ({
      x: [mean[y]], y: [y], mode: "markers", text: [text[y]], hoverinfo: "text",
      error_x: low[y] === null ? undefined : { type: "data", symmetric: false, thickness: 2, width: 5, array: [high[y] - mean[y]], arrayminus: [mean[y] - low[y]] },
      marker: { color: colour(i), size: 10, symbol: c.rank[i] === "best" ? "star" : c.rank[i] === "tied" ? "circle" : "circle-open", line: { width: 2, color: colour(i) } },
    }));
    const best = reference(0, `${label(c.base)}${c.rank[c.base] === "best" ? " (best)" : ""}`, "solid");
    best.annotations[0].xanchor = metric().direction > 0 ? "right" : "left";
    draw("differences", traces, {
      height: height(at.length + 1), yaxis: names(at), ...best,
      xaxis: axis({ range: linear([...mean, ...low, ...high, 0]), title: { text: `${metric().name}: difference from ${c.rank[c.base] === "best" ? "the best" : label(c.base)}` } }),
    });
  }

  function curves() {
    const group = data.curves.find((tasks) => tasks.includes(state.task));
    byId("curve").hidden = !group;
    if (!group) return;
    const sizes = group.map((t) => data.tasks[t].size), columns = group.map((t) => data.tasks[t].metrics[state.metric]);
    const traces = order().flatMap((i) => {
      const line = { color: colour(i), width: 2, dash: dash(i) };
      const pick = (key) => columns.map((c) => c[key][i]);
      const main = {
        x: sizes, y: pick("mean"), name: label(i), legendgroup: String(i), mode: "lines+markers", line, hoverinfo: "text",
        marker: { symbol: symbol(i), size: 8 }, text: columns.map((c, k) => `${label(i)}, ${sizes[k]} labels<br>${interval(c, i)}`),
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
      yaxis: either(log, range, { title: { text: `${metric().name} (${arrow()})` } }),
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
    const t = task(), total = (i) => t.pretrain[i] + t.fit[i] + t.predict[i];
    const at = [...order()].sort((a, b) => total(a) - total(b)), shown = (value) => Math.max(value, 1e-5);
    const kinds = [["fit", "circle", at], ["predict", "circle-open", at], ["pretrain", "diamond", at.filter((i) => t.pretrain[i] >= 0.001)]];
    const traces = kinds.flatMap(([key, symbol, of]) => of.map((i) => ({
      x: [shown(t[key][i])], y: [at.indexOf(i)], mode: "markers", hoverinfo: "text", text: [`${label(i)}<br>${key} ${t[key][i].toPrecision(3)} s`],
      marker: { color: colour(i), size: 10, symbol, line: { width: 2, color: colour(i) } },
    })));
    const range = linear([...t.fit, ...t.predict, ...t.pretrain.filter((value) => value >= 0.001)].map((value) => Math.log10(shown(value))));
    draw("times", traces, {
      height: height(at.length), yaxis: names(at),
      xaxis: logarithmic(range, { title: { text: "seconds a repeat" } }),
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
      xaxis: either(log, range, { title: { text: `${metric().name} (${arrow()})` } }),
    });
  }

  function coverage() {
    const levels = data.coverages, found = task().calibration;
    byId("coverage").closest("figure").hidden = found.length === 0;
    if (found.length === 0) return;
    const traces = found.map(({ predictor: i, points }, at) => {
      const known = levels.map((_, k) => k).filter((k) => points[k][0] !== null);
      const pick = (k) => known.map((p) => points[p][k]);
      const text = known.map((p) => {
        const [mean, low, high] = points[p].map((value) => (value === null ? null : fixed(value, 1)));
        return `${label(i)}, ${levels[p]} % intervals<br>${mean} %${low === null ? "" : ` [${low}, ${high}]`}`;
      });
      const shift = (at - (found.length - 1) / 2) * 0.6; // side by side, so that bars can be told apart
      return {
        x: known.map((p) => levels[p] + shift), y: pick(0), name: label(i), mode: "lines+markers", text, hoverinfo: "text",
        line: { color: colour(i), width: 2, dash: dash(i) }, marker: { symbol: symbol(i), size: 8 },
        error_y: points[known[0]][1] === null ? undefined : {
          type: "data", symmetric: false, thickness: 2, width: 4,
          array: known.map((p) => points[p][2] - points[p][0]), arrayminus: known.map((p) => points[p][0] - points[p][1]),
        },
      };
    });
    draw("coverage", traces, {
      height: narrow() ? 420 : 380, showlegend: true, legend: { orientation: "h", y: -0.2, yanchor: "top" },
      shapes: [{ type: "line", layer: "below", x0: 0, y0: 0, x1: 100, y1: 100, line: { color: css("--muted"), width: 1.5, dash: "dot" } }],
      xaxis: axis({ range: [40, 100], tickvals: levels, title: { text: "nominal coverage of the interval (%)" } }),
      yaxis: axis({ range: linear([...traces.flatMap((t) => t.y), 40, 100]), title: { text: "labels in the interval (%)" } }),
    });
  }

  function headline() {
    byId("headline").textContent = column().conclusion;
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
    if (byId("coverage")) coverage();
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
  watch(show);
})();
