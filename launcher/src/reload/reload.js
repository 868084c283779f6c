// Loads the page again when another server answers: `holdall run` has put this here.
{
  const server = new URL(document.currentScript.src).search.slice(1);
  let stream;
  const listen = () => {
    stream?.close();
    // Browsers open six connections to a host: pages that nobody sees leave them to others.
    if (document.hidden) return;
    stream = new EventSource("/.holdall/reload");
    stream.onmessage = (event) => {
      if (event.data === server) return;
      stream.close();
      location.reload();
    };
  };
  document.addEventListener("visibilitychange", listen);
  listen();
}
