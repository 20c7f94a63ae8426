// Prints what AsyncAPI's own parser, which `asyncapi validate` runs, finds wrong with a document.

import { readFile } from "node:fs/promises";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const found = await new Parser().validate(await readFile(process.argv[2], "utf8"));
// All but information: that there is a later version of AsyncAPI.
const problems = found.filter((problem) => problem.severity <= DiagnosticSeverity.Warning);
console.log(JSON.stringify(problems.map(({ message, path }) => ({ message, path: path.join("/") }))));
