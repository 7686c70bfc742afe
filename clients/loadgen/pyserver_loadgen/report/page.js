// Tells what lies under the pointer: the nearest point of a chart. Without it browsers show the points' titles.
(() => {
  const told = document.getElementById("told");
  const reach = 40;
  const charts = [...document.querySelectorAll("figure svg")].map((chart) => ({
    chart,
    points: [...chart.querySelectorAll(".tip")].map((point) => {
      const title = point.querySelector("title");
      const text = title.textContent;
      title.remove();
      point.setAttribute("aria-label", text);
      return { point, text };
    }),
  }));
  let near = null;
  const hide = () => {
    if (near) near.classList.remove("near");
    near = null;
    told.style.display = "none";
  };
  const distance = (box, event) => {
    const x = Math.max(box.left - event.clientX, 0, event.clientX - box.right);
    const y = Math.max(box.top - event.clientY, 0, event.clientY - box.bottom);
    // Bars and spans hold the pointer; of points the middle counts.
    if (x === 0 && y === 0 && box.width > 20) return 0;
    return Math.hypot((box.left + box.right) / 2 - event.clientX, (box.top + box.bottom) / 2 - event.clientY);
  };
  for (const { chart, points } of charts) {
    chart.addEventListener("pointermove", (event) => {
      let best = null;
      let least = reach;
      for (const each of points) {
        const far = distance(each.point.getBoundingClientRect(), event);
        if (far < least) [best, least] = [each, far];
      }
      hide();
      if (!best) return;
      near = best.point;
      near.classList.add("near");
      told.textContent = best.text;
      told.style.display = "block";
      const right = window.scrollX + document.documentElement.clientWidth - told.offsetWidth - 8;
      told.style.left = `${Math.min(event.pageX + 16, right)}px`;
      told.style.top = `${event.pageY + 16}px`;
    });
    chart.addEventListener("pointerleave", hide);
  }
})();
