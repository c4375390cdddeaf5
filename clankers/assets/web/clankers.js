// What HTML cannot do alone. Without it every page reads and works all the same.

// A filter applies when it is chosen.
for (const form of document.querySelectorAll("form[data-filters]")) {
  form.querySelector(".apply")?.setAttribute("hidden", "");
  form.addEventListener("change", () => form.requestSubmit());
  // An empty value is not worth a place in the address.
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
}
