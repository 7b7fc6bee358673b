// Hive Gateway (MIT), as it is measured here:
//
//   mkdir hive && cd hive && npm install @graphql-hive/gateway
//   npx hive-gateway supergraph SUPERGRAPH --host 127.0.0.1 --port PORT --config-path ../bench/peers/hive-gateway.config.mjs
export const gatewayConfig = {
  logging: false,
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => ({ authorization: request.headers.get("authorization") }),
  },
};
