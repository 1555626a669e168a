"use strict";
(() => {
  const given = JSON.parse(document.getElementById("given").textContent);
  const find = (id) => document.getElementById(id);
  const columns = given.columns, formula = new RegExp("^" + given.formula);
  let current = -1, keeping = true, open = false;

  // What was typed lies in localStorage, under a name made from the captions; some browsers have none.
  const recall = () => { try { return JSON.parse(localStorage.getItem(given.key)) || {}; } catch { return {}; } };
  const remember = (i, answer) => {
    open = true;
    try { localStorage.setItem(given.key, JSON.stringify({ ...recall(), [i]: answer })); } catch { lose(); }
  };
  const lose = () => {
    keeping = false;
    find("kept").className = "lost";
    find("kept").textContent = "This browser cannot keep edits: download the CSV before you close the page.";
  };
  try { localStorage.setItem("review-try", "1"); localStorage.removeItem("review-try"); } catch { lose(); }

  const rows = [...document.querySelectorAll(".card")].map((card, i) => {
    const [text, note, fine, undo] = ["textarea", "input[type=text]", "input[type=checkbox]", ".undo"].map((s) => card.querySelector(s));
    const row = { ...given.rows[i], card, text, note, fine, undo };
    text.value = row.caption;
    row.start = text.value;  // as the browser holds it: newlines are of one kind
    row.changed = () => text.value !== row.start && text.value.trim() !== "";
    row.corrected = () => row.changed() ? text.value : fine.checked ? row.caption : "";
    row.looked = () => row.changed() || fine.checked || note.value.trim() !== "";
    row.draw = () => {
      if (row.changed()) fine.checked = false;
      fine.disabled = row.changed();
      undo.hidden = text.value === row.start;
      card.classList.toggle("changed", row.changed());
      card.classList.toggle("done", row.looked());
    };
    row.said = () => { row.draw(); count(); remember(i, { text: text.value, note: note.value, fine: fine.checked }); };
    for (const field of [text, note]) field.addEventListener("input", row.said);
    fine.addEventListener("change", () => { if (fine.checked) text.value = row.start; row.said(); });
    undo.addEventListener("click", () => { text.value = row.start; row.said(); text.focus(); });
    card.addEventListener("focusin", () => mark(i));
    return row;
  });

  const count = () => {
    const looked = rows.filter((row) => row.looked()).length;
    find("count").textContent = `${looked} of ${rows.length} looked at`;
    find("done").max = rows.length || 1;
    find("done").value = looked;
  };
  const mark = (i) => {
    if (rows[current]) rows[current].card.removeAttribute("aria-current");
    current = i;
    rows[i].card.setAttribute("aria-current", "true");
  };
  const go = (i) => {
    if (!rows[i]) return;
    rows[i].card.focus({ preventScroll: true });
    rows[i].card.scrollIntoView({ block: "start" });
  };

  const cell = (text) => '"' + (formula.test(text) ? "'" + text : text).replaceAll('"', '""') + '"';
  const csv = () => [columns, ...rows.map((row) => {
    const answer = { ...row, corrected: row.corrected(), note: row.note.value };
    return columns.map((name) => answer[name]);
  })].map((cells) => cells.map(cell).join(",") + "\r\n").join("");
  find("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + csv()], { type: "text/csv;charset=utf-8" }));
    link.download = given.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    open = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const typing = event.target.matches("textarea, input[type=text]"), row = rows[current];
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); go(current + 1); return; }
    if (event.key === "Escape" && typing) { row.card.focus(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "j") go(current + 1);
    else if (key === "k") go(Math.max(current - 1, 0));
    else if (key === "e" && row) row.text.focus();
    else if (key === "n" && row) row.note.focus();
    else if (key === "f" && row && !row.fine.disabled) {
      row.fine.checked = !row.fine.checked;
      row.fine.dispatchEvent(new Event("change"));
      if (row.fine.checked) go(current + 1);
    } else return;
    event.preventDefault();
  });
  addEventListener("beforeunload", (event) => { if (open && !keeping) event.preventDefault(); });

  const before = recall();
  rows.forEach((row, i) => {
    const answer = before[i];
    if (answer) { row.text.value = answer.text; row.note.value = answer.note; row.fine.checked = answer.fine; }
    row.draw();
  });
  count();
})();
