// gRPC's interop client over grpc-js: runs one case of gRPC's interop test descriptions and exits with 0 if it passed.
//
// Written from the descriptions: grpc-js's own interop client is in no package, so it cannot be fetched where only
// registries are reached. Arguments are those that every interop client takes, and --proto_root, --ca_file.
'use strict';

const fs = require('node:fs');
const { parseArgs } = require('node:util');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const cases = require('./cases.js');

const CASE_SECONDS = 30;

function channelCredentials(options) {
  if (options.use_tls !== 'true') {
    return grpc.credentials.createInsecure();
  }
  return grpc.credentials.createSsl(fs.readFileSync(options.ca_file));
}

function channelOptions(options) {
  const name = options.server_host_override;
  return name ? { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name } : {};
}

async function main() {
  const text = { type: 'string' };
  const { values: options } = parseArgs({
    options: {
      server_host: text,
      server_port: text,
      server_host_override: text,
      test_case: text,
      use_tls: text,
      ca_file: text,
      proto_root: text,
    },
  });
  const runCase = cases[options.test_case];
  if (runCase === undefined) {
    throw new Error(`there is no case ${options.test_case}: the cases are ${Object.keys(cases).join(', ')}`);
  }
  const definition = protoLoader.loadSync('src/proto/grpc/testing/test.proto', {
    keepCase: true,
    defaults: true,
    includeDirs: [options.proto_root],
  });
  const { TestService, UnimplementedService } = grpc.loadPackageDefinition(definition).grpc.testing;
  const address = `${options.server_host}:${options.server_port}`;
  const Client = options.test_case === 'unimplemented_service' ? UnimplementedService : TestService;
  const client = new Client(address, channelCredentials(options), channelOptions(options));
  const timer = setTimeout(() => {
    console.error(`${options.test_case}: no end after ${CASE_SECONDS} s`);
    process.exit(1);
  }, CASE_SECONDS * 1000);
  try {
    await runCase(client);
  } finally {
    clearTimeout(timer);
    client.close();
  }
}

main().catch((error) => {
  console.error(error.stack);
  // Not only the exit code: a call that is still open would keep the process alive.
  process.exit(1);
});
