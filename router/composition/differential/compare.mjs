// Composes a case of the corpus with `@theguild/federation-composition`, and says where it comes to something else.

import { readFileSync, readdirSync, existsSync } from "node:fs";
import { join } from "node:path";
import { composeServices } from "@theguild/federation-composition";
import { Kind, parse, print } from "graphql";

export const corpus = new URL("../../cases/", import.meta.url).pathname;

/** All cases, as `SUBJECT/CASE`. */
export function cases() {
  const folders = (path) =>
    readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return folders(corpus)
    .flatMap((subject) => folders(join(corpus, subject)).map((name) => `${subject}/${name}`))
    .filter((name) => existsSync(join(corpus, name, "subgraphs")))
    .sort();
}

/** The lines of a case in which the two compositions differ: `+` is ours, `-` is theirs. */
export function differences(name) {
  const [ours, theirs] = [our(name), their(name)];
  // Where one of them refuses, what the other one says besides is no difference of its own.
  if (refuses(ours) !== refuses(theirs)) {
    const lines = (side, sign) => (refuses(side) ? [...side].map((line) => `${sign} ${line}`) : [`${sign} composes`]);
    return [...lines(theirs, "-"), ...lines(ours, "+")];
  }
  return [
    ...[...theirs].filter((line) => !ours.has(line)).map((line) => `- ${line}`),
    ...[...ours].filter((line) => !theirs.has(line)).map((line) => `+ ${line}`),
  ].sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : a.slice(2) > b.slice(2) ? 1 : a < b ? 1 : -1));
}

function refuses(facts) {
  return [...facts].every((line) => line.startsWith("error "));
}

function our(name) {
  const errors = join(corpus, name, "errors.txt");
  if (existsSync(errors)) {
    const codes = readFileSync(errors, "utf8").match(/^[A-Z_]+(?=  )/gm);
    return new Set(codes.map((code) => `error ${code}`));
  }
  return facts(readFileSync(join(corpus, name, "supergraph.graphql"), "utf8"));
}

function their(name) {
  const folder = join(corpus, name, "subgraphs");
  const services = readdirSync(folder).sort().map((file) => {
    const subgraph = file.replace(/\.graphql$/, "");
    const text = readFileSync(join(folder, file), "utf8");
    return { name: subgraph, url: `http://${subgraph}.test/graphql`, text };
  });
  let result;
  try {
    result = composeServices(services.map(({ text, ...service }) => ({ ...service, typeDefs: parse(text) })));
  } catch (error) {
    return new Set([`error ${error.name === "GraphQLError" ? "INVALID_GRAPHQL" : `thrown: ${error.message}`}`]);
  }
  if (result.errors?.length) {
    return new Set(result.errors.map((error) => `error ${error.extensions?.code ?? "INVALID_GRAPHQL"}`));
  }
  return facts(result.supergraphSdl);
}

/** What a supergraph says, a line a fact, whatever the order in which it says it. */
function facts(sdl) {
  const found = new Set();
  const note = (line) => found.add(line.replace(/\s+/g, " "));
  const directives = (place, node) => {
    for (const directive of node.directives ?? []) {
      const written = [...directive.arguments].sort((a, b) => (a.name.value < b.name.value ? -1 : 1));
      const text = written.map((argument) => `${argument.name.value}: ${value(argument.value)}`).join(", ");
      note(`${place} @${directive.name.value}${text ? `(${text})` : ""}`);
    }
  };
  const input = (place, node) => {
    note(`${place}: ${print(node.type)}${node.defaultValue ? ` = ${value(node.defaultValue)}` : ""}`);
    directives(place, node);
  };
  for (const definition of parse(sdl, { noLocation: true }).definitions) {
    if (definition.kind === Kind.SCHEMA_DEFINITION) {
      directives("schema", definition);
      definition.operationTypes.forEach((root) => note(`schema ${root.operation}: ${root.type.name.value}`));
      continue;
    }
    const name = definition.name.value;
    // The definitions of the specifications are the same for everybody; what stands in them differs in style only.
    if (definition.kind === Kind.DIRECTIVE_DEFINITION || (name.includes("__") && name !== "join__Graph")) continue;
    note(`${definition.kind.replace("TypeDefinition", "")} ${name}`);
    if (definition.description) note(`${name} described ${JSON.stringify(definition.description.value.trim())}`);
    directives(name, definition);
    definition.interfaces?.forEach((one) => note(`${name} implements ${one.name.value}`));
    definition.types?.forEach((one) => note(`${name} = ${one.name.value}`));
    definition.values?.forEach((one) => {
      note(`${name}.${one.name.value}`);
      directives(`${name}.${one.name.value}`, one);
    });
    for (const field of definition.fields ?? []) {
      const place = `${name}.${field.name.value}`;
      if (definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) {
        input(place, field);
        continue;
      }
      note(`${place}: ${print(field.type)}`);
      directives(place, field);
      field.arguments.forEach((argument) => input(`${place}(${argument.name.value}:)`, argument));
    }
  }
  return found;
}

/** A value on one line; texts without the white space that means nothing in a field set, lists of imports in order. */
function value(node) {
  switch (node.kind) {
    case Kind.STRING:
      return JSON.stringify(node.value.replace(/\s*([{}:]|\.\.\.)\s*/g, "$1").replace(/\s+/g, " ").trim());
    case Kind.OBJECT:
      return `{${node.fields.map((field) => `${field.name.value}: ${value(field.value)}`).join(", ")}}`;
    case Kind.LIST:
      return `[${node.values.map(value).sort().join(", ")}]`;
    default:
      return print(node).replace(/\s+/g, " ");
  }
}
