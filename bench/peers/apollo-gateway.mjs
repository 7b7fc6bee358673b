// Apollo Gateway with Apollo Server, as it is measured here. Its licence is Elastic-2.0: it is asked, never depended on.
//
//   mkdir apollo && cd apollo && npm install @apollo/gateway @apollo/server graphql@16
//   node ../bench/peers/apollo-gateway.mjs SUPERGRAPH PORT        (in that folder, whose packages it uses)
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { ApolloGateway, RemoteGraphQLDataSource } = require("@apollo/gateway");
const { ApolloServer } = require("@apollo/server");
const { startStandaloneServer } = require("@apollo/server/standalone");

class Subgraph extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.authorization) request.http.headers.set("authorization", context.authorization);
  }
}

const [supergraph, port] = process.argv.slice(2);
const gateway = new ApolloGateway({
  supergraphSdl: readFileSync(supergraph, "utf8"),
  buildService: ({ url }) => new Subgraph({ url }),
});
const server = new ApolloServer({ gateway });
await startStandaloneServer(server, {
  listen: { host: "127.0.0.1", port: Number(port) },
  context: async ({ req }) => ({ authorization: req.headers.authorization }),
});
