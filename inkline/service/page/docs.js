"use strict";
const make = (tag, text = "", ...inner) => { const made = document.createElement(tag); made.textContent = text; made.append(...inner); return made; };
const scroll = table => { const box = make("div", "", table); box.className = "wide"; return box; };
const prose = (tag, text) => make(tag, "", ...text.split("`").map((part, i) => i % 2 ? make("code", part) : part));
const table = (heads, rows) => scroll(make("table", "", make("tr", "", ...heads.map(h => make("th", h))), ...rows.map(row => make("tr", "", ...row.map((cell, i) => i ? prose("td", cell) : make("td", "", make("code", cell)))))));
const kinds = schema => (schema.anyOf || [schema]).map(one => one.enum ? one.enum.join(" | ") : one.type || one.$ref?.split("/").pop() || "any").join(", ");
fetch("openapi.json").then(answer => answer.json()).then(spec => {
  const named = ref => spec.components.schemas[ref.split("/").pop()];
  document.getElementById("about").replaceChildren(...spec.info.description.split("\n\n").map(part => prose("p", part)));
  document.getElementById("all").replaceChildren(...Object.entries(spec.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => {
    const section = make("section", "", make("h2", "", make("code", `${method.toUpperCase()} ${path}`)), make("p", operation.summary));
    const body = operation.requestBody?.content["application/json"];
    const form = operation.requestBody?.content["multipart/form-data"];
    if (body) {
      const schema = named(body.schema.$ref);
      section.append(make("h3", "Fields"), table(["field", "type", "meaning"], Object.entries(schema.properties).map(([name, field]) => [name, kinds(field), field.description || ""])));
      section.append(make("h3", "Examples"));
      if (form?.schema.properties.file) {
        section.append(make("p", "A form"), make("pre", `curl -s ${location.origin}${path} -F file=@page.png`));
      }
      for (const {summary, value} of Object.values(body.examples || {})) {
        section.append(make("p", summary), make("pre", `curl -s ${location.origin}${path} -H 'Content-Type: application/json' -d @- <<'END'\n${JSON.stringify(value)}\nEND`));
      }
    }
    section.append(make("h3", "Answers"), table(["status", "meaning"], Object.entries(operation.responses).map(([status, answer]) => [status, answer.description])));
    const example = operation.responses["200"].content["application/json"]?.example;
    if (example) section.append(make("pre", JSON.stringify(example, null, 1)));
    return section;
  })));
});
