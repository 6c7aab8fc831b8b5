"use strict";
// What every page draws with: the colours of the page's style, axes, ticks, and plots without a tool bar.
const draws = (() => {
  const light = ["#0072b2", "#d55e00", "#009e73", "#b4568f", "#a67c00", "#3f9bd1", "#882255", "#44449c", "#6b7a1e", "#5c6670"];
  const dark = ["#4aa8e8", "#ff8a3d", "#2fd0a0", "#e79ac8", "#e8bd3c", "#9ad4f7", "#d9689a", "#9c9cf5", "#b9c75a", "#aab4c0"];
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "x", "pentagon", "hexagon", "star-diamond"];
  const dashes = ["solid", "dash", "dot", "dashdot"];
  const night = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const narrow = () => innerWidth < 600;
  const colour = (i) => (night.matches && !printing ? dark : light)[i % light.length];
  const dash = (i) => dashes[Math.floor(i / light.length) % dashes.length];
  const symbol = (i) => symbols[i % symbols.length];
  const rgba = (hex, alpha) => `rgba(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))},${alpha})`;
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;");
  const short = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);
  const label = (text) => plain(short(text, narrow() ? 18 : 30));

  const axis = (extra) => ({ gridcolor: css("--grid"), linecolor: css("--line"), zeroline: false, fixedrange: true, automargin: true, ...extra });
  const layout = (extra) => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest", dragmode: false,
    font: { family: css("--font"), size: 13, color: css("--fg") }, margin: { l: 8, r: 16, t: 28, b: 44 },
    hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--fg"), family: css("--font") } }, ...extra,
  });
  // Nothing leaves the page: no tool bar, no upload, no server to upload to, no logo that is a link.
  const config = { responsive: true, displayModeBar: false, displaylogo: false, showSendToCloud: false, showEditInChartStudio: false, plotlyServerURL: "" };
  const draw = (id, traces, extra) => Plotly.react(id, traces, layout(extra), config);

  const names = (texts) => axis({
    tickvals: texts.map((_, at) => at), ticktext: texts.map(label), range: [texts.length - 0.4, -0.6], ticklabelstandoff: 6,
  });

  // A logarithmic axis between two exponents of ten, with ticks at 1, 2 and 5 or at powers of ten.
  function logarithmic([low, high], extra) {
    const steps = high - low > 4 ? [1] : high - low > 0.9 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
    const ticks = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      steps.forEach((step) => { const value = step * 10 ** power; if (Math.log10(value) >= low && Math.log10(value) <= high) ticks.push(value); });
    }
    const text = (value) => (value >= 1e6 || value < 1e-4 ? value.toExponential(0) : Number(value.toPrecision(2)).toLocaleString("en", { maximumFractionDigits: 6 }));
    return axis({ type: "log", range: [low, high], tickvals: ticks, ticktext: ticks.map(text), ...extra });
  }

  function linear(values) {
    const known = values.filter((value) => value !== null && Number.isFinite(value));
    const low = Math.min(...known), high = Math.max(...known), pad = (high - low || Math.abs(high) || 1) * 0.08;
    return [low - pad, high + pad];
  }

  // Calls `show` now, and again when the colours or the width of the page change.
  function watch(show) {
    night.addEventListener("change", show);
    addEventListener("beforeprint", () => { printing = true; show(); });
    addEventListener("afterprint", () => { printing = false; show(); });
    let wasNarrow = narrow();
    addEventListener("resize", () => {
      if (narrow() !== wasNarrow) { wasNarrow = narrow(); show(); }
    });
    show();
  }

  return { css, narrow, colour, dash, symbol, rgba, plain, label, axis, draw, names, logarithmic, linear, watch };
})();
