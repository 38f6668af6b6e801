// Draws the charts of the page into their places, in order.
const { specs, config } = JSON.parse(document.getElementById("charts").textContent);
const options = {
  mode: "vega-lite",
  renderer: "svg",
  actions: false,
  ast: true, // expressions are interpreted, so that the page need not allow eval
  config,
  tooltip: { disableDefaultStyle: true },
};
const places = [...document.querySelectorAll(".chart")];
Promise.allSettled(places.map((place, at) => vegaEmbed(place, specs[at], options))).then((results) => {
  results.forEach((result, at) => {
    if (result.status === "rejected") {
      console.error(result.reason);
      places[at].textContent = "This chart could not be drawn; its numbers are below.";
    }
  });
  document.documentElement.dataset.drawn = results.filter((result) => result.status === "fulfilled").length;
});
