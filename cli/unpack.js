// Runs the library and the script that draw the charts, which lie compressed in the page.
const packed = Uint8Array.from(atob(document.getElementById("drawing").textContent), (each) => each.charCodeAt(0));
const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
new Response(plain).text().then((text) => {
  const script = document.createElement("script");
  script.textContent = text;
  document.body.append(script);
});
