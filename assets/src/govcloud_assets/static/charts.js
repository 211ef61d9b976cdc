/* Draws the charts of a page. The table beneath a chart says the same, so that a page works without this. */
(function () {
  "use strict";

  var COLOURS = ["#1a5dc8", "#2b9a66", "#f0a63a", "#b0413e", "#6f5bb5", "#2aa5b8", "#8a6d3b", "#7f8c9d"];

  /* Stacked bars by month. The tooltip is drawn on the canvas: the page's policy allows no styles in HTML. */
  function options(figures) {
    return {
      animation: false,
      aria: { enabled: true },
      color: COLOURS,
      grid: { left: 80, right: 16, top: 56, bottom: 28 },
      legend: { type: "scroll", top: 4 },
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, renderMode: "richText" },
      xAxis: { type: "category", data: figures.months },
      yAxis: { type: "value", name: figures.unit },
      series: figures.series.map(function (one) {
        return { name: one.name, type: "bar", stack: "all", barMaxWidth: 36, data: one.data };
      })
    };
  }

  function draw(box) {
    fetch(box.dataset.chart, { headers: { Accept: "application/json" } })
      .then(function (answer) { return answer.json(); })
      .then(function (figures) {
        box.classList.add("chart-drawn");
        var chart = window.echarts.init(box, null, { renderer: "canvas" });
        chart.setOption(options(figures));
        window.addEventListener("resize", function () { chart.resize(); });
      });
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-chart]").forEach(draw);
  });
})();
